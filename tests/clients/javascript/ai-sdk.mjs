// Vercel's AI SDK. What comes as a link it fetches itself, but never from a loopback address.

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateImage } from 'ai';

import { apiKey, baseURL, blockedPrompt, prompt, tried, wrongKey } from './trying.mjs';

const base64 = { providerOptions: { ours: { response_format: 'b64_json' } } };
const link = { providerOptions: { ours: { response_format: 'url' } } };

async function images(wanted = {}, key = apiKey) {
  const ours = createOpenAICompatible({ name: 'ours', baseURL, apiKey: key });
  const answer = await generateImage({ model: ours.imageModel('gpt-image-2'), prompt, ...wanted });
  return answer.images.map((image) => ({ b64_json: image.base64 }));
}

await tried('ai', {
  one: () => images({ size: '1024x1024' }),
  two: () => images({ n: 2, size: '512x768' }),
  base64: () => images({ size: '512x768', ...base64 }),
  link: () => images(link),
  blocked: () => images({ prompt: blockedPrompt }),
  wrong_key: () => images({}, wrongKey),
  impatient_with_key: async () => {
    const slow = { prompt: 'A slow fox', headers: { 'Idempotency-Key': crypto.randomUUID() } };
    const first = images({ ...slow, abortSignal: AbortSignal.timeout(3000) });
    return first.catch(() => images(slow));
  },
});
