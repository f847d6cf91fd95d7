/** A fleet of nodes and, in a process of its own, a hub of its people with the page: each is killed and comes back by itself. */
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { buildPage } from './built-page.ts';
import { asPerson, freePort } from './home-process.ts';
import { LiveFleet } from './live-fleet.ts';
import { Program } from './program.ts';
import { openBrowser, type Visit, visitPage, type WebUser } from './web-browser.ts';
import { signInAt } from './web-page.ts';

export class WebFleet implements AsyncDisposable {
  readonly fleet: LiveFleet;
  readonly #browser: Browser;
  readonly #port: number;
  #hub: Program;

  private constructor(fleet: LiveFleet, hub: Program, port: number, browser: Browser) {
    this.fleet = fleet;
    this.#hub = hub;
    this.#port = port;
    this.#browser = browser;
  }

  static async open(names: readonly string[]): Promise<WebFleet> {
    await buildPage();
    const fleet = await LiveFleet.open(names, []);
    const port = await freePort();
    const hub = await startHub(fleet, port);
    return new WebFleet(fleet, hub, port, await openBrowser(join(fleet.folder, 'camera.mjpeg')));
  }

  /** A new account with a device of its own. Returns its address. */
  async person(name: string): Promise<string> {
    const address = `${name}@${this.fleet.home}`;
    await asPerson(this.#profileOf(address), 'account', 'new', address, '--node', this.#nodeUrl);
    return address;
  }

  /** What a person does at their own device. */
  as<Result>(address: string, ...args: string[]): Promise<Result> {
    return asPerson<Result>(this.#profileOf(address), ...args);
  }

  async signIn(address: string, visit: Visit = {}): Promise<WebUser> {
    const user = await visitPage(this.#browser, `http://127.0.0.1:${this.#port}`, address, visit);
    await signInAt(user.page, address);
    return user;
  }

  get hubFolder(): string {
    return join(dataOf(this.fleet), 'hub');
  }

  killHub(): Promise<void> {
    return this.#hub.kill();
  }

  async startHub(): Promise<void> {
    this.#hub = await startHub(this.fleet, this.#port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await this.#hub.stop();
    await this.fleet[Symbol.asyncDispose]();
  }

  get #nodeUrl(): string {
    return nodeUrlOf(this.fleet);
  }

  #profileOf(address: string): string {
    return join(this.fleet.folder, 'profiles', address);
  }
}

function nodeUrlOf(fleet: LiveFleet): string {
  const [first] = fleet.nodes.values();
  return `ws://127.0.0.1:${first?.proxy.port}/client`;
}

function dataOf(fleet: LiveFleet): string {
  return join(fleet.folder, 'hub-host');
}

function startHub(fleet: LiveFleet, port: number): Promise<Program> {
  const place = ['--data', dataOf(fleet), '--node', nodeUrlOf(fleet), '--port', String(port)];
  return Program.open(['hub', 'run', '--json', ...place, '--log-level', 'error']);
}
