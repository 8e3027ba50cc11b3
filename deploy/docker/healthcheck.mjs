// Healthy is what says so at its operations port. Node is all this needs: the image has no curl.
const port = process.env.KEYFLEET_OPERATIONS__PORT;
try {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(4_000) });
  if (!answer.ok) {
    console.error(await answer.text());
    process.exitCode = 1;
  }
} catch (error) {
  console.error(`There is no answer at port ${port} (${error.cause?.code ?? error.name}).`);
  process.exitCode = 1;
}
