// Tries what a program offers, one thing after the other, and prints what came of each as one JSON object.
// Without a package only its request is replayed. The arguments name the things to try; without any it is all of them. What a program does not offer is left out.

import { readFileSync } from 'node:fs';

export const baseURL = process.env.OPENAI_BASE_URL;
export const apiKey = process.env.OPENAI_API_KEY;
export const wrongKey = 'sk-nobody';
export const prompt = 'A fox in the snow';
export const blockedPrompt = 'A forbidden fox';

export async function tried(packageName, things) {
  const named = process.argv.slice(2);
  const outcomes = { version: packageName ? version(packageName) : 'request' };
  for (const [name, thing] of Object.entries(things)) {
    if (named.length === 0 || named.includes(name)) {
      outcomes[name] = await outcome(thing);
    }
  }
  console.log(JSON.stringify(outcomes));
}

async function outcome(thing) {
  try {
    return { images: await thing() };
  } catch (error) {
    return {
      error: error.name === 'Error' ? error.constructor.name : error.name,
      status: error.status ?? error.statusCode ?? null,
      code: error.code ?? error.data?.error.code ?? null,
      request_id: error.requestID ?? error.responseHeaders?.['x-request-id'] ?? null,
      message: error.message,
    };
  }
}

function version(packageName) {
  const file = new URL(`node_modules/${packageName}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file)).version;
}
