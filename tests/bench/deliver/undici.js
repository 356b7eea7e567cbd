// SPDX-License-Identifier: MIT
// undici.js URL COUNT CONNECTIONS BYTES: posts COUNT bodies through undici's own pool, as quick as it gets; prints the seconds it took.
const {Pool} = require("undici");
const [url, count, connections, bytes] = process.argv.slice(2);
const {origin, pathname} = new URL(url);
const pool = new Pool(origin, {connections: +connections});
const body = "x".repeat(+bytes);
let left = +count;

async function send() {
	while (left-- > 0) {
		const answer = await pool.request({path: pathname, method: "POST", body, headers: {"content-type": "application/json"}});
		await answer.body.dump();
	}
}

const began = process.hrtime.bigint();
Promise.all(Array.from({length: +connections}, send)).then(() => {
	console.log(Number(process.hrtime.bigint() - began) / 1e9);
	return pool.close();
});
