/** A request to the API that is over. */
export interface ServedRequest {
  method: string
  /** As it was written: `/api/v1/droplet/stop/:droplet`; undefined where there is none, or it was refused before it had one. */
  route: string | undefined
  status: number
  /** Of the error catalogue; undefined where nothing went wrong. */
  errorId: number | undefined
  ms: number
}
