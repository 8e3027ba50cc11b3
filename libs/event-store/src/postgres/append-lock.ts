/** Everybody who appends stands in line here; held from reading the newest position until the commit. */
export const APPEND_LOCK = 5_075_131;
