// LibreChat's request, as its tool image_gen_oai sends it by OpenAI's package; the program itself is too large to install.
// Source: api/app/clients/tools/structured/OpenAIImageTools.js of LibreChat. It takes base64 only.

import OpenAI from 'openai';

import { apiKey, baseURL, blockedPrompt, prompt, tried, wrongKey } from './trying.mjs';

const body = {
  model: 'gpt-image-1',
  prompt,
  n: 1,
  background: 'auto',
  output_format: 'png',
  output_compression: undefined,
  quality: 'auto',
  size: 'auto',
};

async function images(wanted = {}, options = {}) {
  const client = new OpenAI({ baseURL, apiKey, ...options });
  const answer = await client.images.generate({ ...body, ...wanted });
  return answer.data.map((image) => ({ b64_json: image.b64_json }));
}

await tried(null, {
  one: () => images(),
  two: () => images({ n: 2, quality: 'high', size: '1536x1024' }),
  base64: () => images(),
  blocked: () => images({ prompt: blockedPrompt }),
  wrong_key: () => images({}, { apiKey: wrongKey }),
  impatient: () => images({ prompt: 'A slow fox' }, { timeout: 3000, maxRetries: 5 }),
});
