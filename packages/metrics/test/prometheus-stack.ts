import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { stringify } from 'yaml';
import { freePort } from '../../../test/services/free-port.ts';

/** One alert as Alertmanager posts it. */
export interface PostedAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A real Prometheus with the shipped rules, a real Alertmanager, and a webhook that keeps what it posts. */
export interface PrometheusStack {
  readonly url: string;
  readonly posted: readonly PostedAlert[];
  /** Instant query; each sample's labels and value. */
  query(
    expr: string,
  ): Promise<readonly { readonly metric: Readonly<Record<string, string>>; readonly value: number }[]>;
  /** Names of the alerts that fire now. */
  firing(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/**
 * Starts both on free loopback ports; `target` is the host and port to scrape, each second. The rules are the shipped ones with
 * every `for:` cut to a second.
 */
export async function startStack(target: string): Promise<PrometheusStack> {
  const folder = mkdtempSync(join(tmpdir(), 'exai-prometheus-'));
  const posted: PostedAlert[] = [];
  const webhook = await startWebhook(posted);
  const [prometheusPort, alertmanagerPort] = [await freePort(), await freePort()];
  writeConfigs(folder, { target, webhook: portOf(webhook), alertmanager: alertmanagerPort });
  const children = [
    start('prometheus-alertmanager', [
      `--config.file=${folder}/alertmanager.yml`,
      `--storage.path=${folder}/alertmanager`,
      `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
      '--cluster.listen-address=',
    ]),
    start('prometheus', [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/tsdb`,
      `--web.listen-address=127.0.0.1:${prometheusPort}`,
    ]),
  ];
  const url = `http://127.0.0.1:${prometheusPort}`;
  await until('Prometheus is ready', async () => (await fetch(`${url}/-/ready`)).ok);
  await until('Alertmanager is ready', async () => (await fetch(`http://127.0.0.1:${alertmanagerPort}/-/ready`)).ok);
  return {
    url,
    posted,
    query: (expr) => query(url, expr),
    firing: async () =>
      (await json(`${url}/api/v1/alerts`)).data.alerts
        .filter((alert: { state: string }) => alert.state === 'firing')
        .map((alert: { labels: { alertname: string } }) => alert.labels.alertname),
    close: async () => {
      await Promise.all(children.map(stop));
      webhook.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Asks again every 100 ms until it holds; fails after `seconds`. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, seconds = 40): Promise<void> {
  const end = performance.now() + seconds * 1000;
  let cause: unknown;
  while (performance.now() < end) {
    try {
      if (await holds()) return;
    } catch (error) {
      cause = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not within ${seconds} s: ${what}`, { cause });
}

function writeConfigs(folder: string, ports: { target: string; webhook: number; alertmanager: number }): void {
  const rules = readFileSync(new URL('../alerts/exai.rules.yaml', import.meta.url), 'utf8');
  writeFileSync(join(folder, 'rules.yaml'), rules.replaceAll(/for: \d+m/g, 'for: 1s'));
  writeFileSync(
    join(folder, 'prometheus.yml'),
    stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [join(folder, 'rules.yaml')],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${ports.alertmanager}`] }] }] },
      scrape_configs: [{ job_name: 'exai', static_configs: [{ targets: [ports.target] }] }],
    }),
  );
  writeFileSync(
    join(folder, 'alertmanager.yml'),
    stringify({
      route: { receiver: 'webhook', group_by: ['alertname'], group_wait: '0s', group_interval: '1s' },
      receivers: [
        { name: 'webhook', webhook_configs: [{ url: `http://127.0.0.1:${ports.webhook}/`, send_resolved: true }] },
      ],
    }),
  );
}

async function query(url: string, expr: string): ReturnType<PrometheusStack['query']> {
  const { status, error, data } = await json(`${url}/api/v1/query?${new URLSearchParams({ query: expr }).toString()}`);
  if (status !== 'success') throw new Error(`${error}: ${expr}`);
  return data.result.map(({ metric, value }: { metric: Record<string, string>; value: [number, string] }) => ({
    metric,
    value: Number(value[1]),
  }));
}

async function json(url: string): Promise<any> {
  return (await fetch(url)).json();
}

async function startWebhook(posted: PostedAlert[]): Promise<Server> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      posted.push(...JSON.parse(body).alerts);
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, { stdio: 'ignore' });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
