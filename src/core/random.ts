/** A source of cryptographically secure random bytes; tests inject a predictable one. */
export type RandomBytes = (size: number) => Uint8Array<ArrayBuffer>

/** The system's CSPRNG. */
export const systemRandom: RandomBytes = size => crypto.getRandomValues(new Uint8Array(size))
