import { SupervisorError, type Problem } from '../core/errors.js';

/**
 * Portacode removes a container only if what this says is one of two phrases that it knows, or nothing. They are the
 * one thing in a message that a program looks at.
 */
export const NOT_CONFIGURED = 'Cloudflare tunnel is not configured yet.';
export const NAME_MISSING = 'Cloudflare domain or tunnel name missing from state.';

export const notConfigured = (): SupervisorError => new SupervisorError('SETUP_REQUIRED', NOT_CONFIGURED);

/** A field of a message that cannot be used, in Portacode's words. */
export const invalidField = (field: string, message: string): SupervisorError => new SupervisorError('REQUEST_INVALID', message, { problems: [{ field, code: 'FIELD_INVALID', message }] });

/** Rules that cannot be used: the first problem is the message, as Portacode stops at the first. */
export const invalidRules = (problems: readonly Problem[]): SupervisorError => new SupervisorError('FORWARDING_INVALID', problems[0]?.message ?? 'The rules cannot be used', { problems });
