// A real Chromium for tests of the page. Not installed by npm: the test says so where there is none.

import type { TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findProgram } from './tools.js';

// The browser's own types, as far as Playwright's declarations name them: the whole DOM library would offer a window and
// a document to the collector too.
declare global {
  interface Node {
    readonly nodeType: number;
  }
  interface HTMLElement extends Node {
    readonly innerText: string;
  }
  interface SVGElement extends Node {
    readonly ownerSVGElement: SVGElement | null;
  }
  interface HTMLElementTagNameMap {
    readonly html: HTMLElement;
  }
}

export interface Visit {
  readonly page: Page;
  /** Everything that the browser complained about: script errors, refused styles, failed loads. */
  readonly complaints: string[];
  /** Addresses it asked for. */
  readonly requests: string[];
}

export const chromiumProgram = findProgram('chromium', 'chromium-browser', 'google-chrome');

export const NO_BROWSER = 'NOT RUN: Chromium is not installed (Debian package chromium)';

export async function openBrowser(program: string, args: readonly string[] = []): Promise<Browser> {
  // Containers run as root and without the kernel's leave to make sandboxes.
  return chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage', ...args] });
}

/** A fresh visitor, gone when the test ends. */
export async function visit(t: TestContext, browser: Browser, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  return { page, complaints, requests };
}
