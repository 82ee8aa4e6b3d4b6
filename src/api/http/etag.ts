interface Context {
  request: Request
  set: { status?: number | string; headers: Record<string, string | number | undefined> }
}

/**
 * A text that is the same for everybody as long as this program runs: made when it is first asked for, and sent anew only
 * to who has another one (RFC 9110 section 13.1.2).
 */
export function cachedText(contentType: string, render: () => Promise<string>) {
  let rendering: Promise<{ text: string; tag: string }> | undefined
  return async ({ request, set }: Context): Promise<string> => {
    rendering ??= render().then(text => ({ text, tag: `"${Bun.hash(text).toString(16)}"` }))
    const { text, tag } = await rendering
    // It may be kept, and is asked for all the same: the next version of this program has another one.
    set.headers['cache-control'] = 'no-cache'
    set.headers.etag = tag
    if (etagMatches(request.headers.get('if-none-match'), tag)) {
      set.status = 304
      return ''
    }
    set.headers['content-type'] = contentType
    return text
  }
}

/** A proxy that compresses makes a weak tag of ours, which is as good here. */
function etagMatches(header: string | null, tag: string): boolean {
  const tags = header?.split(',').map(value => value.trim().replace(/^W\//, '')) ?? []
  return tags.includes(tag) || tags.includes('*')
}
