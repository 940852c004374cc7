// The official TypeScript package of today.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { asked } from './mcp.mjs';

await asked('@modelcontextprotocol/client', async (url, options) => {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(url, options));
  return client;
});
