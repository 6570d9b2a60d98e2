/** The zone of a tunnel that was taken over without a certificate: it has a domain, and its DNS records are not ours to manage. */
export const NO_ZONE = '';
