// The official TypeScript package of before 2026, which shakes hands.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { asked } from './mcp.mjs';

await asked('@modelcontextprotocol/sdk', async (url, options) => {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(url, options));
  return client;
});
