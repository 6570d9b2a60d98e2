import { expect, test } from 'vitest';
import { describeFailure } from '../../../src/cli/problem-words.js';
import { SupervisorError, type Problem } from '../../../src/core/errors.js';

const OUTSIDE = 'hostname "a.example.org" is not in the zone example.com';
const outside = (rule: number): Problem => ({ rule, field: 'hostname', code: 'HOSTNAME_OUTSIDE_ZONE', message: OUTSIDE });

test('one thing is said once', () => {
  expect(describeFailure(new SupervisorError('SETUP_IN_PROGRESS', 'A setup is under way.'))).toEqual({ message: 'A setup is under way', problems: [] });
  const message = '--protocol must be one of auto, http2, quic, and not "foo"';
  expect(describeFailure(new SupervisorError('OPTION_INVALID', message, { problems: [{ field: '--protocol', code: 'VALUE_INVALID', message }] }))).toEqual({ message, problems: [] });
});

test('the one rule of a command has no number, a rule of a file counts from 1', () => {
  expect(describeFailure(new SupervisorError('FORWARDING_INVALID', OUTSIDE, { problems: [outside(0)] }))).toEqual({ message: OUTSIDE, problems: [] });
  expect(describeFailure(new SupervisorError('FORWARDING_INVALID', `rule 3: ${OUTSIDE}`, { problems: [outside(3)] }))).toEqual({ message: `rule 4: ${OUTSIDE}`, problems: [] });
});

test('several are listed below what they have in common, each with its place', () => {
  const problems: readonly Problem[] = [
    { rule: 3, field: 'colour', code: 'FIELD_UNKNOWN', message: 'rule 3, colour: there is no field "colour"' },
    { rule: 4, code: 'FIELD_INVALID', message: 'rule 4: must be an object' },
    { field: 'takeover', code: 'FIELD_INVALID', message: 'takeover: must be true or false' },
  ];
  expect(describeFailure(new SupervisorError('REQUEST_INVALID', 'all of it in one line', { problems }))).toEqual({
    message: 'The request is not what this call takes',
    problems: ['rule 4, colour: there is no field "colour"', 'rule 5: must be an object', 'takeover: must be true or false'],
  });
});
