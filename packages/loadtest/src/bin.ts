#!/usr/bin/env node
import nodeModule from 'node:module';

// Node 22 and later keep compiled code between starts; older ones have no such function.
const enableCompileCache: unknown = Reflect.get(nodeModule, 'enableCompileCache');
if (typeof enableCompileCache === 'function') enableCompileCache();

const { processIo } = await import('./cli/io.ts');
const { runCli } = await import('./cli/cli.ts');
process.exitCode = await runCli(process.argv.slice(2), processIo());
