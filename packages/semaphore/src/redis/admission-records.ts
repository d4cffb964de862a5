/** First part of the admission script: the request, the state as it was found, and how its records are read and written. */
export const ADMISSION_RECORDS: string = `
local S, Q, C = KEYS[1], KEYS[2], KEYS[3]
local req = cjson.decode(ARGV[1])
local channel = ARGV[2]
local pid = req.pid

-- Fields are read once and written at the end, in one command each.
local fields, changed = {}, {}
local function fetch(names)
  local values = redis.pcall('HMGET', S, unpack(names))
  if values.err then return false end
  for i, name in ipairs(names) do fields[name] = values[i] end
  return true
end
local function get(field)
  local value = fields[field]
  if value == nil then
    value = redis.call('HGET', S, field)
    fields[field] = value
  end
  return value
end
local function put(field, value)
  if type(value) == 'number' then value = string.format('%.17g', value) end
  fields[field] = value
  changed[field] = true
end
local function num(field, default)
  local value = get(field)
  return value and tonumber(value) or default
end
local function flush()
  local set, gone = {}, {}
  for field in pairs(changed) do
    local value = fields[field]
    if value then
      set[#set + 1] = field
      set[#set + 1] = value
    else
      gone[#gone + 1] = field
    end
  end
  for first = 1, #set, 2000 do redis.call('HSET', S, unpack(set, first, math.min(#set, first + 1999))) end
  for first = 1, #gone, 2000 do redis.call('HDEL', S, unpack(gone, first, math.min(#gone, first + 1999))) end
  changed = {}
end
local function fail(code, detail) return cjson.encode({ error = code, detail = detail }) end

local wanted = { 'v', 'run', 'epoch', 'ttl', 'clock', 'open', 'all', 'next', 'lined', 'fence', 'time', 'order', 'kept', 'u/g', 'c/g', 'c/s',
  'e/' .. pid, 'n/' .. pid }
for i, ask in ipairs(req.pools) do
  if i > 1000 then break end
  local pool = ask.pool
  for _, name in ipairs({ 'r/' .. pid .. '/' .. pool, 'u/' .. pool }) do wanted[#wanted + 1] = name end
  if string.sub(pool, 1, 2) == 'p:' then
    for _, name in ipairs({ 'c/' .. pool, 'l/' .. pool, 'x/' .. pool }) do wanted[#wanted + 1] = name end
  end
end
if not fetch(wanted) then return fail('FOREIGN_LAYOUT', S .. ' is no hash') end
if req.full == 1 then
  for i = 2, 3 do
    local kind = redis.call('TYPE', KEYS[i]).ok
    if kind ~= 'none' and kind ~= 'zset' then return fail('FOREIGN_LAYOUT', KEYS[i] .. ' is a ' .. kind) end
  end
end
local version = get('v')
if not version and redis.call('EXISTS', S) == 1 then return fail('FOREIGN_LAYOUT', S .. ' is not ours') end
if version and version ~= '1' then return fail('FOREIGN_LAYOUT', 'version ' .. version) end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')

local processes = {}
local function isListed(id)
  for _, each in ipairs(processes) do if each == id then return true end end
  return false
end

if not version then
  if req.leave == 1 then return cjson.encode({ left = 1 }) end
  redis.call('DEL', Q, C)
  for field, value in pairs({ v = '1', run = run, epoch = run .. time[1] .. time[2], ttl = req.ttl, clock = now, fence = time[1], order = 0,
    time = 0, next = 0, all = '', lined = '', open = req.fresh == 1 and 0 or now + req.ttl }) do put(field, value) end
else
  for id in string.gmatch(get('all'), '%S+') do processes[#processes + 1] = id end
  if get('run') ~= run then
    -- Restarted or failed over: the data may be old and the clock another one. All register anew, the dead end with the wait.
    put('run', run)
    put('epoch', run .. time[1] .. time[2])
    put('open', now + req.ttl)
    put('next', 0)
    for _, id in ipairs(processes) do put('e/' .. id, now + req.ttl) end
  else
    now = math.max(now, num('clock', 0))
  end
  put('clock', now)
end

local epoch = get('epoch')
local used = num('u/g', 0)
local lined = {}
for pool in string.gmatch(get('lined'), '%S+') do lined[pool] = true end
local touched, woken = {}, {}
local isQueueTouched, isClaimsTouched = false, false
local queued = redis.call('ZCARD', Q)

local function isProvider(pool) return string.sub(pool, 1, 2) == 'p:' end
local function addUsed(pool, amount)
  if amount == 0 then return end
  local now = num('u/' .. pool, 0) + amount
  put('u/' .. pool, now ~= 0 and now)
  if isProvider(pool) then
    used = used + amount
    put('u/g', used)
  else
    touched[pool] = true
  end
end
local function capOf(pool)
  if isProvider(pool) then return num('c/' .. pool, 0) end
  return num('c/s', 0)
end
local function limitOf(pool)
  return isProvider(pool) and num('l/' .. pool, nil) or capOf(pool)
end

local function load(id, pool)
  local text = get('r/' .. id .. '/' .. pool)
  if not text then return { kept = 0, told = 0, handed = 0, want = 0, share = 1, clean = -1, tag = 0, ticket = '-', seq = 0 } end
  local part = {}
  for each in string.gmatch(text, '[^|]+') do part[#part + 1] = each end
  return { kept = tonumber(part[1]), told = tonumber(part[2]), handed = tonumber(part[3]), want = tonumber(part[4]), share = tonumber(part[5]),
    clean = tonumber(part[6]), tag = tonumber(part[7]), ticket = part[8], seq = tonumber(part[9]) }
end
local function save(id, pool, record)
  local isEmpty = record.kept == 0 and record.told == 0 and record.handed == 0 and record.ticket == '-'
  if isEmpty and (not isProvider(pool) or (record.tag <= num('time', 0) and record.clean <= 0)) then
    put('r/' .. id .. '/' .. pool, false)
  else
    put('r/' .. id .. '/' .. pool, string.format('%d|%d|%d|%d|%.17g|%d|%.17g|%s|%d', record.kept, record.told, record.handed, record.want,
      record.share, record.clean, record.tag, record.ticket, record.seq))
  end
end

local function leaveLine(record)
  if record.ticket ~= '-' then redis.call('ZREM', Q, record.ticket) end
  record.ticket = '-'
  record.want = 0
end
local function enterLine(id, pool, record)
  local order = num('order', 0) + 1
  put('order', order)
  local tag = isProvider(pool) and record.tag or 0
  record.ticket = string.format('%s %016.0f %012.0f %s', pool, tag * 1000000, order, id)
  redis.call('ZADD', Q, 0, record.ticket)
  isQueueTouched = true
  if isProvider(pool) then lined[pool] = true end
end

local function dropAll(id)
  local prefix = 'r/' .. id .. '/'
  flush()
  for _, field in ipairs(redis.call('HKEYS', S)) do
    if string.sub(field, 1, #prefix) == prefix then
      local pool = string.sub(field, #prefix + 1)
      local record = load(id, pool)
      leaveLine(record)
      addUsed(pool, -(record.kept + record.told + record.handed))
      put(field, false)
      redis.call('ZREM', C, id .. '/' .. pool)
    end
  end
end
local function strike(id)
  dropAll(id)
  put('e/' .. id, false)
  put('n/' .. id, false)
  for i, each in ipairs(processes) do if each == id then table.remove(processes, i) break end end
  put('all', table.concat(processes, ' '))
end
`;
