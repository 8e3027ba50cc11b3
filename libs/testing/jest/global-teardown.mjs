export default async function globalTeardown() {
  await globalThis.keyfleetTestRun?.end();
}
