// What both official packages of the Model Context Protocol are asked for.

import { readFileSync } from 'node:fs';

const url = new URL(process.env.MCP_URL);
const key = process.env.API_KEY;

export async function asked(packageName, connected) {
  const client = await connected(url, options(key));
  const call = (name, wanted) => client.callTool({ name, arguments: wanted });
  const { tools } = await client.listTools();
  const made = await call('generate_image', { text: `A fox in the snow, ${packageName}`, number_of_images: 2 });
  console.log(JSON.stringify({
    version: JSON.parse(readFileSync(new URL(`node_modules/${packageName}/package.json`, import.meta.url))).version,
    protocol: client.getNegotiatedProtocolVersion?.() ?? client.transport.protocolVersion,
    tools: tools.map((tool) => tool.name),
    made,
    job: await call('get_job', { id: made.structuredContent.id }),
    models: await call('list_models', {}),
    usage: await call('get_usage', {}),
    refused: await call('generate_image', { text: 'A fox', width: 5000 }),
    unknown: await refusal(() => call('paint', {})),
    wrong_key: await refusal(() => connected(url, options("nobody's"))),
  }));
  await client.close();
}

function options(used) {
  return { requestInit: { headers: { 'x-api-key': used } } };
}

async function refusal(attempt) {
  try {
    await attempt();
    return 'accepted';
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
}
