// Uses the types that openapi-typescript generates: images at once, as a job, one by its link, and what they cost.

import createClient from 'openapi-fetch';

import type { components, paths } from './schema.js';

type Job = components['schemas']['JobAnswer'];

declare const process: { env: Record<string, string> };

const client = createClient<paths>({
  baseUrl: process.env['API_URL'] ?? '',
  headers: { 'x-api-key': process.env['API_KEY'] ?? '' },
});

async function generate(): Promise<components['schemas']['GenerationAnswer']> {
  const { data, error } = await client.POST('/generate', {
    params: { header: { 'Idempotency-Key': 'generated-typescript' } },
    body: { text: 'A fox in the snow' },
  });
  if (data === undefined || !('images' in data)) throw new Error(JSON.stringify(error ?? data));
  return data;
}

async function job(): Promise<Job> {
  const { data, error } = await client.POST('/generate', {
    params: { header: { Prefer: 'respond-async' } },
    body: { text: 'A fox at dawn' },
  });
  if (data === undefined || !('status' in data)) throw new Error(JSON.stringify(error ?? data));
  let found: Job = data;
  while (found.status === 'queued' || found.status === 'running') {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const answer = await client.GET('/jobs/{job_id}', { params: { path: { job_id: found.id } } });
    if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
    found = answer.data;
  }
  return found;
}

async function refused(): Promise<string> {
  const { error } = await client.POST('/generate', { body: { text: 'A fox', width: 7 } });
  return error?.code ?? 'nothing';
}

const answer = await generate();
const [detail] = answer.details;
if (detail === undefined || detail.status !== 'stored') throw new Error('no image');
const link = await client.GET('/images/{image_id}.png', {
  params: { path: { image_id: detail.id } },
  redirect: 'manual',
});
const usage = await client.GET('/usage');

console.log(
  JSON.stringify({
    images: answer.images.length,
    size: [detail.width, detail.height],
    job: (await job()).status,
    link: link.response.status,
    refused: await refused(),
    has_spent: (usage.data?.spent_usd ?? 0) > 0,
  }),
);
