/** The user who performs an action, and their address. Every audit record names one. */
export interface Actor {
  /** Empty for an anonymous caller. */
  user: string
  address: string
  /** The words of the route or command, joined by dots: `droplet.add`, `user.hand-over`. */
  action: string
}
