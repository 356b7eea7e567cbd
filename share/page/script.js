/* SPDX-License-Identifier: MIT */
/* The page is whole without this. It adds: commands that copy themselves, and in a file a filter over its rows. */
'use strict';

for (const button of document.querySelectorAll('button[data-copy]')) {
	const source = document.getElementById(button.dataset.copy);
	const label = button.textContent;
	button.hidden = false;
	button.addEventListener('click', async () => {
		try {
			await navigator.clipboard.writeText(source.textContent);
			button.textContent = 'Copied';
		} catch {
			getSelection().selectAllChildren(source);
			button.textContent = 'Selected: copy with your keyboard';
		}
		setTimeout(() => { button.textContent = label; }, 2000);
	});
}

const filter = document.getElementById('filter');
if (filter) {
	const rows = [...document.querySelectorAll('#history tbody tr')];
	const texts = rows.map((row) => row.textContent.toLowerCase());
	const boxes = [...filter.querySelectorAll('input[type=checkbox]')];
	const words = filter.querySelector('input[type=search]');
	const told = filter.querySelector('output');
	const apply = () => {
		const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
		const statuses = boxes.filter((box) => box.checked).map((box) => box.value);
		let shown = 0;
		rows.forEach((row, i) => {
			const fits = wanted.every((word) => texts[i].includes(word)) &&
				(statuses.length === 0 || statuses.includes(row.dataset.status));
			row.hidden = !fits;
			shown += fits;
		});
		told.textContent = shown === rows.length ? '' : `${shown} of ${rows.length} shown`;
	};
	filter.hidden = false;
	filter.addEventListener('input', apply);
	filter.addEventListener('submit', (event) => event.preventDefault());
	apply();
}
