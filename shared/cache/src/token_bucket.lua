-- One bucket, decided in one step. The same arithmetic as bucket.rs; the time is Redis's own, so that replicas whose
-- clocks differ share one limit.
-- KEYS[1] the bucket; ARGV: capacity, refill per second, cost. Answers whether it was paid, and what is left.
local capacity, refill, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local known = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(known[1]) or capacity, tonumber(known[2]) or now
-- A clock that was set back gives nothing and takes nothing.
tokens = math.min(capacity, tokens + math.max(0, now - at) * refill / 1000000)
local paid = 0
if tokens >= cost then
  tokens = tokens - cost
  paid = 1
end
local text = string.format('%.17g', tokens)
redis.call('HSET', KEYS[1], 'tokens', text, 'at', string.format('%.0f', now))
-- A full bucket need not be remembered. At most 30 days, for a rate next to nothing.
local full_ms = math.min((capacity - tokens) / refill * 1000, 2592000000)
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(full_ms) + 1000))
return { paid, text }
