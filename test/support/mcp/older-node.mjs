// The conformance suite asks for Node.js 22: the one name of node:fs that older ones lack is for another of its
// commands.
import { register } from 'node:module';

const kFs = 'export * from "node:fs"; export { default } from "node:fs"; export const globSync = () => [];';
const hooks = `
  export async function resolve(specifier, context, next) {
    if (specifier === 'fs' && context.parentURL?.includes('/@modelcontextprotocol/conformance/'))
      return { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(kFs)}`)}, shortCircuit: true };
    return next(specifier, context);
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
