import ipaddr, { type IPv4, type IPv6 } from 'ipaddr.js'

export type Network = [address: IPv4 | IPv6, prefixLength: number]

/** `10.0.0.0/8`, `fd00::/8`, or a single address. */
export function parseNetwork(text: string): Network | undefined {
  const [host = '', length] = text.split('/')
  if (!isAddress(host)) return undefined
  if (length !== undefined) return ipaddr.isValidCIDR(text) ? ipaddr.parseCIDR(text) : undefined
  const address = ipaddr.process(host)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}

/**
 * The client's address: the nearest hop that is not a trusted proxy. Each proxy appends its peer's address to
 * `X-Forwarded-For`, so only the entries appended by trusted proxies count.
 * @param peer address of the TCP connection
 */
export function clientAddress(peer: string, forwardedFor: string | null, trustedProxies: readonly Network[]): string {
  if (trustedProxies.length === 0) return peer
  let client = peer
  for (const hop of (forwardedFor ?? '').split(',').reverse()) {
    if (!isTrusted(client, trustedProxies)) break
    if (!isAddress(hop.trim())) break
    client = hop.trim()
  }
  return client
}

/**
 * The unit for counting failures: an IPv4 address, or the /64 of an IPv6 address, which one household or server controls
 * completely.
 */
export function addressPrefix(address: string): string {
  if (!isAddress(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  const networkBytes = parsed.toByteArray().slice(0, 8)
  return `${Buffer.from(networkBytes)
    .toString('hex')
    .replace(/(.{4})(?=.)/g, '$1:')}::/64`
}

function isTrusted(address: string, trustedProxies: readonly Network[]): boolean {
  if (!isAddress(address)) return false
  const parsed = ipaddr.process(address)
  return trustedProxies.some(([network, length]) => network.kind() === parsed.kind() && parsed.match(network, length))
}

/** Accepts only the usual notations, not `0x7f.1` as the library does. */
export function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)
}
