/** Response headers; every response has `X-Request-Id`. */
export const headerComponents = {
  'X-Request-Id': {
    description: 'ID of the request, also in the log',
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
    description: 'Seconds until a retry can succeed, if known',
    schema: { type: 'integer', minimum: 1 },
    example: 60,
  },
  Location: {
    description: 'URL of the operation or page',
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
    description: 'Version of the content, for `If-None-Match`',
    required: true,
    schema: { type: 'string' },
    example: '"0b2c85f1d49e7a36"',
  },
}
