import { ADMISSION_RECORDS } from './admission-records.ts';

/**
 * The one transition of an account, run inside Redis, whose clock is the only one it reads. A process states what it keeps of
 * each pool and how much more it wants; what it gives up goes to the process that is next in line, what it gets stands in the
 * reply. Targets, never differences: a repeated or a lost call changes nothing twice.
 *
 * KEYS: state (hash), queue (sorted set, by member), claims (sorted set, by end of claim). ARGV: request (JSON), channel prefix.
 *
 * State, beside plain fields: `e/<process>` end of its lease, `n/<process>` its last call, `u/<pool>` leased, `c/<pool>` capacity,
 * `l/<pool>` adaptive limit, `k/` clean releases, `x/` cuts, `r/<process>/<pool>` its record: kept, told in reply q, handed over
 * since, wanted, share, clean releases, tag, ticket, q.
 */
export const ADMISSION_SCRIPT: string = `${ADMISSION_RECORDS}
-- Leases that have ended. 'next' is never later than the first end.
local nextEnd = num('next', 0)
if now >= nextEnd then
  nextEnd = now + req.ttl
  local ended = {}
  for _, id in ipairs(processes) do
    local ends = num('e/' .. id, 0)
    if ends <= now then ended[#ended + 1] = id else nextEnd = math.min(nextEnd, ends) end
  end
  for _, id in ipairs(ended) do strike(id) end
end
-- What was handed over and not confirmed in time goes on to the next in line.
for _, member in ipairs(redis.call('ZRANGEBYSCORE', C, '-inf', now)) do
  local id, pool = string.match(member, '^([^/]+)/(.+)$')
  local record = load(id, pool)
  addUsed(pool, -record.handed)
  record.handed = 0
  leaveLine(record)
  save(id, pool, record)
  redis.call('ZREM', C, member)
end

local function headOf(pool, skip)
  if not isQueueTouched and queued == 0 then return nil end
  return redis.call('ZRANGEBYLEX', Q, '[' .. pool .. ' ', '(' .. pool .. '!', 'LIMIT', skip, 1)[1]
end
-- A grant moves the virtual time to its start, and the process on by what it got for its share.
local function advance(record, count)
  local time = math.max(num('time', 0), record.tag)
  put('time', time)
  record.tag = time + count / record.share
end
-- What may be taken without standing in line: something if nobody does.
local function freeNow(pool)
  if now < num('open', 0) then return 0 end
  local free = limitOf(pool) - num('u/' .. pool, 0)
  if isProvider(pool) then return next(lined) and 0 or math.min(free, num('c/g', 0) - used) end
  return free > 0 and not headOf(pool, 0) and free or 0
end
local function grant(pool, ticket, free)
  local id = string.match(ticket, '(%S+)$')
  local record = load(id, pool)
  if record.ticket ~= ticket then
    redis.call('ZREM', Q, ticket)
    return
  end
  local isAlone = not headOf(pool, 1)
  local count = isAlone and math.min(free, record.want) or math.min(1, record.want)
  redis.call('ZREM', Q, ticket)
  record.ticket = '-'
  if isProvider(pool) then advance(record, count) end
  record.want = record.want - count
  addUsed(pool, count)
  if id == pid then
    record.told = record.told + count
  else
    record.handed = record.handed + count
    redis.call('ZADD', C, now + req.claim, id .. '/' .. pool)
    isClaimsTouched = true
    if not woken[id] then woken[#woken + 1] = id end
    woken[id] = true
  end
  if record.want > 0 then enterLine(id, pool, record) end
  save(id, pool, record)
end
local function serveSession(pool)
  local limit = capOf(pool)
  while true do
    local free = limit - num('u/' .. pool, 0)
    local ticket = free > 0 and headOf(pool, 0)
    if not ticket then return end
    grant(pool, ticket, free)
  end
end
local function serveProviders()
  local limit = num('c/g', 0)
  while used < limit do
    local best, bestKey, bestPool, bestFree
    for pool in pairs(lined) do
      local free = limitOf(pool) - num('u/' .. pool, 0)
      local ticket = headOf(pool, 0)
      if not ticket then
        lined[pool] = nil
      elseif free > 0 then
        local key = string.sub(ticket, #pool + 2)
        if not best or key < bestKey then best, bestKey, bestPool, bestFree = ticket, key, pool, free end
      end
    end
    if not best then return end
    -- With others in line elsewhere one at a time, so that none waits for another's batch.
    grant(bestPool, best, next(lined, next(lined)) and 1 or math.min(bestFree, limit - used))
  end
end
local function serve()
  if now < num('open', 0) then return end
  for pool in pairs(touched) do serveSession(pool) end
  serveProviders()
end
local function close()
  local pools = {}
  for pool in pairs(lined) do pools[#pools + 1] = pool end
  put('lined', table.concat(pools, ' '))
  put('next', nextEnd)
  for _, id in ipairs(woken) do redis.call('PUBLISH', channel .. ':wake:' .. id, '1') end
  local keep = math.max(86400000, 10 * req.ttl)
  local isDue = now - num('kept', 0) > 60000
  if isDue then put('kept', now) end
  flush()
  for i, isMarked in ipairs({ false, isQueueTouched, isClaimsTouched }) do
    if isDue or isMarked then redis.call('PEXPIRE', KEYS[i], keep) end
  end
end

if req.leave == 1 then
  strike(pid)
  serve()
  close()
  return cjson.encode({ left = 1 })
end

if num('ttl', 0) ~= req.ttl then
  if #processes > 1 or (#processes == 1 and processes[1] ~= pid) then
    close()
    return fail('TTL_MISMATCH', get('ttl'))
  end
  put('ttl', req.ttl)
end
local isKnown = isListed(pid)
if isKnown and req.seq <= num('n/' .. pid, 0) then
  close()
  return cjson.encode({ stale = 1 })
end
if req.full == 1 then
  if isKnown then dropAll(pid) else
    processes[#processes + 1] = pid
    put('all', table.concat(processes, ' '))
    if #processes > 1 then redis.call('PUBLISH', channel .. ':recall', '*') end
  end
elseif not isKnown or req.epoch ~= epoch then
  close()
  return cjson.encode({ unknown = 1 })
end
put('e/' .. pid, now + req.lease)
put('n/' .. pid, req.seq)
nextEnd = math.min(nextEnd, now + req.lease)

local isSetting = req.set == 1
if isSetting or not get('c/g') then
  put('c/g', req.g)
  put('c/s', req.s)
end

local function adapt(pool, ask, record)
  if not req.increase then return end
  local cap, limit = capOf(pool), limitOf(pool)
  local was, cuts = limit, num('x/' .. pool, 0)
  if ask.over == cuts then
    limit = math.max(1, math.floor(req.decrease * limit))
    put('x/' .. pool, cuts + 1)
    put('k/' .. pool, 0)
  elseif record.clean >= 0 and ask.clean > record.clean and 2 * num('u/' .. pool, 0) >= limit then
    local clean = num('k/' .. pool, 0) + ask.clean - record.clean
    if clean >= req.increase and limit < cap then
      limit = limit + 1
      clean = 0
    end
    put('k/' .. pool, clean)
  end
  record.clean = ask.clean
  if limit ~= was then put('l/' .. pool, limit) end
end
local function setCap(pool, cap)
  local old = num('c/' .. pool, nil)
  if old == cap or (old and not isSetting) then return end
  put('c/' .. pool, cap)
  local limit = num('l/' .. pool, nil)
  if limit and (limit >= cap or limit == old) then put('l/' .. pool, false) end
end

-- First what is given up, of all pools, then what is wanted.
local isNew = {}
for _, ask in ipairs(req.pools) do
  local pool = ask.pool
  local record = load(pid, pool)
  if isProvider(pool) then
    setCap(pool, ask.cap)
    adapt(pool, ask, record)
  end
  local isTold = req.ack >= record.seq
  local heard = record.kept + (isTold and record.told or 0)
  addUsed(pool, ask.keep - heard)
  record.kept = ask.keep
  local wasHanded = record.handed > 0
  record.told = (isTold and 0 or record.told) + record.handed
  record.handed = 0
  record.seq = req.seq
  record.share = ask.share
  if wasHanded then redis.call('ZREM', C, pid .. '/' .. pool) end
  -- What is on its way to the asker counts towards what it wants.
  local want = math.max(0, ask.want - record.told)
  if want > 0 and record.ticket == '-' then
    local count = math.min(want, freeNow(pool))
    if count > 0 then
      if isProvider(pool) then advance(record, count) end
      record.told = record.told + count
      addUsed(pool, count)
      want = want - count
    end
  end
  if want == 0 then
    leaveLine(record)
  else
    if record.ticket == '-' then
      record.tag = math.max(record.tag, num('time', 0))
      enterLine(pid, pool, record)
      isNew[pool] = true
    else
      redis.call('ZADD', Q, 0, record.ticket)
      isQueueTouched = true
      if isProvider(pool) then lined[pool] = true end
    end
    record.want = want
  end
  if not isProvider(pool) then touched[pool] = true end
  save(pid, pool, record)
end
serve()

local limit = num('c/g', 0)
local isAnybodyWaiting = redis.call('ZCARD', Q) > 0
local function isWaitedFor(pool)
  if not isAnybodyWaiting then return false end
  for _, ticket in ipairs(redis.call('ZRANGEBYLEX', Q, '[' .. pool .. ' ', '(' .. pool .. '!', 'LIMIT', 0, 2)) do
    if string.match(ticket, '(%S+)$') ~= pid then return true end
  end
  return false
end
local othersWait = false
if used >= limit then for pool in pairs(lined) do othersWait = othersWait or isWaitedFor(pool) end end
local gained = false
local pools = {}
for _, ask in ipairs(req.pools) do
  local pool = ask.pool
  local record = load(pid, pool)
  local poolLimit = limitOf(pool)
  gained = gained or record.told > 0
  if record.want > 0 and isNew[pool] and (not isProvider(pool) or poolLimit >= 8 * #processes) then
    redis.call('PUBLISH', channel .. ':recall', pool)
  end
  local isContended = isWaitedFor(pool) or (isProvider(pool) and othersWait)
  pools[#pools + 1] = { record.kept + record.told, poolLimit, capOf(pool), num('u/' .. pool, 0), num('x/' .. pool, 0),
    isContended and 1 or 0, record.want }
end
local fence = num('fence', 0)
if gained then
  fence = math.max(fence, req.fence, tonumber(time[1])) + 1
  put('fence', fence)
end
close()
return cjson.encode({ epoch = epoch, open = math.max(0, num('open', 0) - now), processes = #processes, limit = limit, used = used,
  session = num('c/s', 0), fence = fence, next = nextEnd - now, pools = pools })
`;
