// SPDX-License-Identifier: MIT
// What many would write instead of evt-receive: Node's http server and better-sqlite3, one transaction a request with
// synchronous=FULL, the same rows into the same tables. Usage: node server.js JOURNAL SOCKET-OR-PORT SQL...
'use strict';
const http = require('http'), fs = require('fs'), crypto = require('crypto');
const Database = require('better-sqlite3');
const [path, port, ...schema] = process.argv.slice(2);
const db = new Database(path);
db.pragma('auto_vacuum = INCREMENTAL');
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
for (const file of schema) db.exec(fs.readFileSync(file, 'utf8'));
db.exec("INSERT INTO destination (name) VALUES ('crm')");
const crm = db.prepare("SELECT id FROM destination WHERE name = 'crm'").get().id;
db.exec("INSERT INTO kind (source, type, destination) VALUES ('x', 'contact.new', 1), ('x', NULL, NULL)");
const find = db.prepare('SELECT seq FROM event WHERE id = ? AND source = ?');
const event = db.prepare(`INSERT INTO event (key, source, id, type, received_at, content_type, body, size, digest)
	VALUES (?, 'x', ?, ?, ?, 'application/json', 1, ?, ?)`);
const payload = db.prepare('INSERT INTO payload VALUES (?, ?)');
const delivery = db.prepare('INSERT INTO delivery (event, destination, kind, status, due_at, updated_at) VALUES (?, ?, 1, 0, ?, ?)');
// What counts it (share/sql/0003-tally.sql): received in this hour, now, and ever; events of the source in these ten minutes, and ever.
const tally = db.prepare(`INSERT INTO tally VALUES (?, ?, ?, 0, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n,
	last_at = max(last_at, excluded.last_at), first_event = min(first_event, excluded.first_event),
	last_event = max(last_event, excluded.last_event)`);
const accept = db.transaction((body) => {
	const { id, type } = JSON.parse(body), now = Date.now();
	const key = crypto.createHash('sha256').update(id).digest().readBigInt64LE();
	if (find.get(id, 'x')) return false;
	const seq = event.run(key, id, type, now, body.length, crypto.createHash('sha256').update(body).digest()).lastInsertRowid;
	payload.run(seq, body);
	delivery.run(seq, crm, now, now);
	tally.run(2, Math.floor(now / 600000), 2, now, seq, seq);
	tally.run(4, 0, 2, now, null, null);
	tally.run(0, Math.floor(now / 3600000), 1, now, null, null);
	tally.run(6, 0, 1, now, null, null);
	tally.run(3, 0, 1, now, null, null);
	return true;
});
http.createServer((request, response) => {
	const parts = [];
	request.on('data', (part) => parts.push(part));
	request.on('end', () => {
		const isNew = accept.immediate(Buffer.concat(parts));
		response.writeHead(isNew ? 202 : 200, { 'Content-Type': 'application/json' });
		response.end('{"accepted":1}\n');
	});
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));
