/** The headers that the document names; every answer has the first one. */
export const headerComponents = {
  'X-Request-Id': {
    description: 'What the log calls this request',
    required: true,
    schema: { type: 'string', format: 'uuid' },
    example: '0d5f3a52-3c1e-4b8e-9a57-5b0c5f1e9d22',
  },
  'WWW-Authenticate': {
    description: 'RFC 6750 section 3',
    required: true,
    schema: { type: 'string', pattern: '^Bearer realm=' },
    example: 'Bearer realm="cikit-api", error="invalid_token", error_description="Access token expired: refresh it"',
  },
  'Retry-After': {
    description: 'Seconds after which it is worth trying again, where that is known',
    schema: { type: 'integer', minimum: 1 },
    example: 60,
  },
  Location: {
    description: 'Where to look next',
    required: true,
    schema: { type: 'string' },
    example: '/api/v1/operation/show/2f0c9c0e-6d0e-4a51-8f9b-9f1f9a4d5c11',
  },
  'Preference-Applied': {
    description: 'RFC 7240 section 3',
    required: true,
    schema: { const: 'respond-async' },
    example: 'respond-async',
  },
  ETag: {
    description: 'Of this very text, for `If-None-Match`',
    required: true,
    schema: { type: 'string' },
    example: '"0b2c85f1d49e7a36"',
  },
}
