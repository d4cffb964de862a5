/** One of the two servers. It is what `npx @exai/server` runs, but its providers are the simulator named on the command line. */
import { loadConfig, serve } from '@exai/server';

const [glmBaseURL, kimiBaseURL] = process.argv.slice(2);

process.exitCode = await serve(loadConfig(process.env, { glmBaseURL, kimiBaseURL }), {
  onListening: ({ url }) => console.log(`listening on ${url}`),
});
process.exit();
