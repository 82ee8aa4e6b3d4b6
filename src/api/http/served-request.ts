/** A finished request. */
export interface ServedRequest {
  method: string
  /** The pattern, `/api/v1/droplet/stop/:droplet`; undefined if no route matched or the request was rejected before. */
  route: string | undefined
  status: number
  /** An id of the error catalogue; undefined for success. */
  errorId: number | undefined
  ms: number
}
