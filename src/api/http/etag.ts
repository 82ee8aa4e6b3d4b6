interface Context {
  request: Request
  set: { status?: number | string; headers: Record<string, string | number | undefined> }
}

/**
 * Serves immutable text, built on first use and revalidated by ETag (RFC 9110 section 13.1.2).
 */
export function cachedText(contentType: string, render: () => Promise<string>) {
  let rendering: Promise<{ text: string; tag: string }> | undefined
  return async ({ request, set }: Context): Promise<string> => {
    rendering ??= render().then(text => ({ text, tag: `"${Bun.hash(text).toString(16)}"` }))
    const { text, tag } = await rendering
    // Caches must revalidate: the text changes with the next version of the program.
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

/** A compressing proxy turns our tag into a weak one, which is sufficient here. */
function etagMatches(header: string | null, tag: string): boolean {
  const tags = header?.split(',').map(value => value.trim().replace(/^W\//, '')) ?? []
  return tags.includes(tag) || tags.includes('*')
}
