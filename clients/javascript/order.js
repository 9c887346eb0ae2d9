/**
 * Whether one snapshot is older than another of the same id: snapshots are ordered by (version, asOf).
 *
 * One that does not tell its version counts as older than one that does, since nothing says that it is not.
 */
export function isOlder(snapshot, than) {
  if (than.version === undefined) return false;
  if (snapshot.version === undefined) return true;
  if (snapshot.version !== than.version) return snapshot.version < than.version;
  if (than.asOf === undefined) return false;
  if (snapshot.asOf === undefined) return true;
  const [second, fraction] = instant(snapshot.asOf);
  const [otherSecond, otherFraction] = instant(than.asOf);
  return second === otherSecond ? fraction < otherFraction : second < otherSecond;
}

// A Date knows milliseconds, an instant of the API microseconds.
function instant(text) {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
  return [Date.parse(text.replace(/\.\d+/, '')), fraction.padEnd(9, '0')];
}
