// Over HTTP, with fetch: Node.js 18 or newer, Deno, Bun. Prints each image's link, or the error and what to do.
const answer = await fetch(`${process.env.API_URL}/generate`, {
  method: 'POST',
  headers: {
    'x-api-key': process.env.API_KEY,
    'Idempotency-Key': 'sample-javascript',
    'Content-Type': 'application/json',
  },
  body: JSON.stringify({ text: 'A lake between mountains', width: 512, height: 512 }),
});
const body = await answer.json();
if (!answer.ok) throw new Error(`${body.code}: ${body.detail}`);
console.log(body.images.join('\n'));
