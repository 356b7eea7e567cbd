-- SPDX-License-Identifier: MIT
-- For wrk: POST /x with a JSON body of 1 KiB, each with an id of its own. Arguments: the run's name, and a Connection header. As little as
-- possible is done for each request, so that the load generator is not what is measured.
local n, before, after = 0
function init(args)
	local connection = args[2] and "Connection: " .. args[2] .. "\r\n" or ""
	local start, rest = '{"id":"' .. args[1] .. "-", '","type":"contact.new","pad":"' .. string.rep("x", 960) .. '"}'
	before = "POST /x HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nContent-Type: application/json\r\n" .. connection ..
		"Content-Length: " .. #start + 10 + #rest .. "\r\n\r\n" .. start
	after = rest
end
function request()
	n = n + 1
	return before .. 1000000000 + n .. after
end
