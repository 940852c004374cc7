// OpenAI's own package, as its manual shows it.

import OpenAI from 'openai';

import { apiKey, baseURL, blockedPrompt, prompt, tried, wrongKey } from './trying.mjs';

const client = new OpenAI({ baseURL, apiKey });
const hasty = client.withOptions({ timeout: 3000, maxRetries: 5 });

async function images(wanted = {}, asked = client) {
  const answer = await asked.images.generate({ model: 'gpt-image-2', prompt, ...wanted });
  return answer.data;
}

await tried('openai', {
  one: () => images(),
  two: () => images({ model: 'core', n: 2, size: '1536x1024', quality: 'high', seed: 7 }),
  base64: () => images({ model: 'dall-e-3', response_format: 'b64_json', size: '512x768' }),
  blocked: () => images({ prompt: blockedPrompt }),
  wrong_key: () => images({}, client.withOptions({ apiKey: wrongKey })),
  models: async () => (await client.models.list()).data,
  impatient: () => images({ prompt: 'A slow fox' }, hasty),
});
