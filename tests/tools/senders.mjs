// SPDX-License-Identifier: MIT
// Requests signed by the senders' own npm libraries. Usage: node senders.mjs NODE_MODULES RECEIVER PUBLIC. Each is posted to the source
// of its name as its library signs it, then once more with a byte of the body changed. Prints: NAME STATUS STATUS.
import { createRequire } from 'node:module';
const [modules, receiver, publicUrl] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { Webhook: Standard } = require('standardwebhooks');
const { Webhook: Svix } = require('svix');
const stripe = new (require('stripe'))('sk_test_none');
const twilio = require('twilio/lib/webhooks/webhooks');
const { Signature } = require('@hubspot/api-client');
const github = await import(`${modules}/@octokit/webhooks-methods/dist-node/index.js`);

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', plain = "It's a Secret to Everybody";
const json = { 'Content-Type': 'application/json' };
const body = JSON.stringify({ id: 'e1', type: 'customer.created', amount: 19.9, name: 'Zoë “quoted” 日本' });
const now = new Date();
const standard = (library, id) => ({
	...json, 'webhook-id': id, 'webhook-timestamp': `${Math.floor(now / 1000)}`, 'webhook-signature': library.sign(id, now, body),
});
const form = { CallSid: 'CA1', From: '+14158675309', Text: 'a b&c=ü', Empty: '' };
const twilioSecret = '12345', twilioQuery = `?bodySHA256=${twilio.getExpectedBodyHash(body)}`;

const requests = {
	standardwebhooks: { body, headers: standard(new Standard(secret), 'msg_1') },
	svix: { body, headers: standard(new Svix(secret), 'msg_2') },
	stripe: { body, headers: { ...json, 'Stripe-Signature': stripe.webhooks.generateTestHeaderString({ payload: body, secret }) } },
	octokit: { body, headers: { ...json, 'X-Hub-Signature-256': await github.sign(plain, body) } },
	hubspot: {
		body,
		headers: {
			...json, 'X-HubSpot-Request-Timestamp': `${now.getTime()}`,
			'X-HubSpot-Signature-v3': Signature.getSignature('POST', 'v3', {
				clientSecret: plain, url: `${publicUrl}/hubspot`, requestBody: body, timestamp: now.getTime(),
			}),
		},
	},
	'twilio-form': {
		body: new URLSearchParams(form).toString(),
		headers: {
			'Content-Type': 'application/x-www-form-urlencoded',
			'X-Twilio-Signature': twilio.getExpectedTwilioSignature(twilioSecret, `${publicUrl}/twilio-form`, form),
		},
	},
	'twilio-json': {
		body, query: twilioQuery,
		headers: {
			...json, 'X-Twilio-Signature': twilio.getExpectedTwilioSignature(twilioSecret, `${publicUrl}/twilio-json${twilioQuery}`, {}),
		},
	},
};

for (const [name, { body, query = '', headers }] of Object.entries(requests)) {
	const post = async (body) => (await fetch(`${receiver}/${name}${query}`, { method: 'POST', headers, body })).status;
	console.log(name, await post(body), await post(body.replace('1', '2')));
}
