// SPDX-License-Identifier: MIT
// Drives a headless Chromium for the tests, over its DevTools pipe; needs node and nothing else.
//   node browse.mjs [--width N] [--height N] [--dark] [--no-script] URL STEP...
// A step is one of
//   do:EXPRESSION      evaluates it in the page
//   until:EXPRESSION   waits, at most 10 s, until it is true; a page that is being left counts as not yet
//   print:EXPRESSION   prints its value, a line of JSON unless it is a string
//   key:NAME           presses Tab, Enter, Space or a letter
//   ax:ROLE            prints the names of all nodes that assistive technology sees under that role
//   shot:FILE          takes a picture of the whole page
// What the page does that it should not is printed at the end, a line each: "alarm: ..." for a dialog, an exception,
// a complaint of the Content-Security-Policy, or a request to anywhere but the address given.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const options = { width: 1280, height: 900 };
const args = process.argv.slice(2);
while (args[0]?.startsWith('--')) {
	const name = args.shift().slice(2);
	options[name] = name === 'width' || name === 'height' ? Number(args.shift()) : true;
}
const [url, ...steps] = args;
const profile = mkdtempSync(join(tmpdir(), 'browse-'));
const chromium = spawn(process.env.CHROMIUM || 'chromium', [
	'--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--hide-scrollbars', '--remote-debugging-pipe',
	`--user-data-dir=${profile}`, 'about:blank',
], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });

const alarms = [];
const waiting = new Map();
let last = 0, session, text = '';
let loaded = () => {};

function call(method, params = {}) {
	const id = ++last;
	chromium.stdio[3].write(JSON.stringify({ id, method, params, sessionId: session }) + '\0');
	return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

const events = {
	'Page.loadEventFired': () => loaded(),
	'Page.javascriptDialogOpening': (p) => {
		alarms.push(`dialog: ${p.message}`);
		call('Page.handleJavaScriptDialog', { accept: true });
	},
	'Runtime.exceptionThrown': (p) => alarms.push(`exception: ${p.exceptionDetails.exception?.description ?? p.exceptionDetails.text}`),
	'Audits.issueAdded': (p) => {
		if (p.issue.code === 'ContentSecurityPolicyIssue')
			alarms.push(`policy: ${p.issue.details.contentSecurityPolicyIssueDetails.violatedDirective}`);
	},
	'Network.requestWillBeSent': (p) => {
		if (p.request.url.split(/[?#]/)[0] !== url.split(/[?#]/)[0])
			alarms.push(`request: ${p.request.url}`);
	},
};

chromium.stdio[4].on('data', (data) => {
	const messages = (text + data).split('\0');
	text = messages.pop();
	for (const message of messages.map((m) => JSON.parse(m))) {
		const call = waiting.get(message.id);
		waiting.delete(message.id);
		if (message.error)
			call.reject(new Error(message.error.message));
		else if (call)
			call.resolve(message.result);
		else
			events[message.method]?.(message.params);
	}
});

async function evaluate(expression) {
	const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
	if (exceptionDetails)
		throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
	return result.value;
}

async function until(expression) {
	for (const end = Date.now() + 10000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20)))
		if (await evaluate(expression).catch(() => false))
			return;
	throw new Error(`gave up waiting until ${expression}`);
}

async function press(key) {
	const text = { Enter: '\r', Space: ' ', Tab: '' }[key] ?? key;
	const name = key === 'Space' ? ' ' : key;
	const codes = { Tab: 9, Enter: 13, Space: 32 };
	const event = { key: name, code: key, text, windowsVirtualKeyCode: codes[key] ?? key.toUpperCase().charCodeAt(0) };
	await call('Input.dispatchKeyEvent', { type: text ? 'keyDown' : 'rawKeyDown', ...event });
	await call('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
}

async function shoot(file) {
	const { cssContentSize } = await call('Page.getLayoutMetrics');
	const { data } = await call('Page.captureScreenshot', {
		captureBeyondViewport: true, clip: { x: 0, y: 0, width: options.width, height: cssContentSize.height, scale: 1 } });
	writeFileSync(file, Buffer.from(data, 'base64'));
}

// What is done may leave the page before its value is known.
async function act(expression) {
	await evaluate(expression).catch((error) => {
		if (!/navigated or closed|context was destroyed|Cannot find context/.test(error.message))
			throw error;
	});
}

const doing = {
	do: act,
	until,
	print: async (expression) => {
		const value = await evaluate(expression);
		console.log(typeof value === 'string' ? value : JSON.stringify(value));
	},
	key: press,
	ax: async (role) => {
		const { nodes } = await call('Accessibility.getFullAXTree');
		for (const node of nodes)
			if (!node.ignored && node.role?.value === role)
				console.log(node.name?.value ?? '');
	},
	shot: shoot,
};

let code = 0;
try {
	const { targetInfos } = await call('Target.getTargets');
	const target = targetInfos.find((info) => info.type === 'page');
	session = (await call('Target.attachToTarget', { targetId: target.targetId, flatten: true })).sessionId;
	for (const domain of ['Page', 'Runtime', 'Network', 'Audits', 'Accessibility'])
		await call(`${domain}.enable`);
	await call('Emulation.setDeviceMetricsOverride', {
		width: options.width, height: options.height, deviceScaleFactor: 1, mobile: options.width < 600 });
	await call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: options.dark ? 'dark' : 'light' }] });
	await call('Emulation.setScriptExecutionDisabled', { value: Boolean(options['no-script']) });
	const load = new Promise((resolve) => { loaded = resolve; });
	await call('Page.navigate', { url });
	await load;
	for (const step of steps) {
		const colon = step.indexOf(':');
		await doing[step.slice(0, colon)](step.slice(colon + 1));
	}
} catch (error) {
	console.error(`browse: ${error.message}`);
	code = 1;
}
for (const alarm of alarms)
	console.log(`alarm: ${alarm}`);
const gone = new Promise((resolve) => chromium.on('exit', resolve));
session = undefined;
call('Browser.close').catch(() => {});
setTimeout(() => chromium.kill('SIGKILL'), 5000).unref();
await gone;
rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }); // its children may still be writing
process.exit(code);
