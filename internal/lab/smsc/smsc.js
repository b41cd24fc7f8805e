// An SMSC for tests: real SMPP 3.4 by node-smpp, on loopback. What becomes of an SMS is said by the last two digits of its
// number (fates); what a phone does, and what goes wrong with links, by HTTP on a second port.
// usage: node smsc.js SMPP-PORT CONTROL-PORT [FOLDER with key.pem and cert.pem, for TLS]
'use strict'
const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const smpp = require('smpp')

const [port, control, folder] = process.argv.slice(2)
const account = { system_id: 'tocsin', password: 's3cret' }
const receiptAfter = 50 // ms

// Final states: text of a receipt, value of message_state, error.
const states = {
  delivered: ['DELIVRD', 2, '000'],
  expired: ['EXPIRED', 3, '027'],
  undelivered: ['UNDELIV', 5, '045'],
  rejected: ['REJECTD', 8, '008'],
  enroute: ['ENROUTE', 1, '000'],
}

// By the last two digits of the number. refuse: statuses of the first answers; states: what receipts say, one after the other.
const fates = {
  '02': { states: ['undelivered'] },
  '03': { states: ['expired'] },
  '04': { refuse: [smpp.ESME_RTHROTTLED, smpp.ESME_RTHROTTLED] },
  '05': { refuse: Array(1000).fill(smpp.ESME_RINVDSTADR) },
  '06': { drop: 1 }, // the link, before the answer
  '07': { states: [] },
  '08': { early: true }, // the receipt comes before the answer
  '09': { refuse: [smpp.ESME_RMSGQFUL, smpp.ESME_RMSGQFUL] },
  '10': { states: ['rejected'] },
  '11': { silent: true },
  '12': { states: ['enroute', 'delivered'] },
  '13': { answerAfter: 1000 },
}

const sessions = new Set()
const submitted = [] // what was taken, in order
const attempts = new Map() // by number
let ids = 0xa0000000
let references = 0
let muted = false
let most = 0 // submissions under way at once

const receivers = () => [...sessions].filter(s => s.bound && s.bound !== 'bind_transmitter')

function stamp () {
  return new Date().toISOString().replace(/[-:T]/g, '').slice(2, 12)
}

function receipt (session, pdu, id, state) {
  const [stat, value, error] = states[state]
  const to = session.bound === 'bind_transmitter' ? receivers()[0] : session
  if (!to) return
  to.deliver_sm({
    esm_class: 0x04,
    source_addr_ton: 1, source_addr_npi: 1, source_addr: pdu.destination_addr,
    dest_addr_ton: pdu.source_addr_ton, dest_addr_npi: pdu.source_addr_npi, destination_addr: pdu.source_addr,
    short_message: Buffer.from(`id:${id} sub:001 dlvrd:${state === 'delivered' ? '001' : '000'} submit date:${stamp()} done date:${stamp()} stat:${stat} err:${error} text:`),
    receipted_message_id: id,
    message_state: value,
  })
}

// text puts together what a submission has of its text.
function content (pdu) {
  const short = pdu.short_message
  const part = short && short.message && short.message.length ? short : pdu.message_payload
  const udh = short && short.udh && short.udh[0] // of concatenation: 00 03 reference total number
  return {
    text: part ? String(part.message) : '',
    part: udh ? [...udh.subarray(2)] : pdu.sar_msg_ref_num === undefined ? null : [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum],
    payload: Boolean(pdu.message_payload),
  }
}

function submit (session, pdu) {
  const refuse = status => session.send(pdu.response({ command_status: status }))
  if (!session.bound || session.bound === 'bind_receiver') return refuse(smpp.ESME_RINVBNDSTS)
  const to = pdu.destination_addr
  const fate = fates[to.slice(-2)] || {}
  const attempt = attempts.get(to) || 0
  attempts.set(to, attempt + 1)
  if (fate.refuse && attempt < fate.refuse.length) return refuse(fate.refuse[attempt])
  const id = (++ids).toString(16).toUpperCase()
  submitted.push({ id, from: pdu.source_addr, to, coding: pdu.data_coding, validity: String(pdu.validity_period || ''), registered: pdu.registered_delivery, ...content(pdu) })
  if (fate.drop && attempt < fate.drop) return session.destroy()
  if (fate.silent) return
  const answer = () => { session.underWay--; session.send(pdu.response({ message_id: id })) }
  const receipts = () => {
    if (!pdu.registered_delivery) return
    (fate.states || ['delivered']).forEach((state, i) => setTimeout(() => receipt(session, pdu, id, state), i * receiptAfter))
  }
  session.underWay = (session.underWay || 0) + 1
  most = Math.max(most, session.underWay)
  if (fate.early) {
    receipts()
    setTimeout(answer, 6 * receiptAfter)
    return
  }
  setTimeout(() => { answer(); setTimeout(receipts, receiptAfter) }, fate.answerAfter || 0)
}

function serve (session) {
  sessions.add(session)
  session.on('error', () => {})
  session.on('close', () => sessions.delete(session))
  for (const kind of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(kind, pdu => {
      if (pdu.system_id !== account.system_id || pdu.password !== account.password) {
        session.send(pdu.response({ command_status: smpp.ESME_RBINDFAIL }))
        session.close()
        return
      }
      session.bound = kind
      session.send(pdu.response({ system_id: 'SMSC' }))
    })
  }
  session.on('enquire_link', pdu => { if (!muted) session.send(pdu.response()) })
  session.on('unbind', pdu => { session.send(pdu.response()); session.close() })
  session.on('submit_sm', pdu => submit(session, pdu))
}

// phone delivers an SMS from a phone, in parts if it is long, and answers with the statuses of its parts.
function phone ({ from, to, text }, done) {
  const session = receivers()[0]
  if (!session) return done([])
  const plain = /^[\x20-\x7e\n]*$/.test(text)
  const [single, part] = plain ? [160, 153] : [70, 67]
  const octets = t => plain ? Buffer.from(t, 'latin1') : Buffer.from(t, 'utf16le').swap16()
  const texts = []
  for (let i = 0; i < text.length; i += text.length > single ? part : single) texts.push(text.slice(i, i + (text.length > single ? part : single)))
  const reference = ++references & 0xff
  const statuses = []
  texts.forEach((t, i) => {
    const header = texts.length > 1 ? Buffer.from([5, 0, 3, reference, texts.length, i + 1]) : Buffer.alloc(0)
    session.deliver_sm({
      esm_class: texts.length > 1 ? 0x40 : 0, data_coding: plain ? 0 : 8,
      source_addr_ton: 1, source_addr_npi: 1, source_addr: from.replace('+', ''),
      dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: to.replace('+', ''),
      short_message: Buffer.concat([header, octets(t)]),
    }, answer => {
      statuses.push(answer.command_status)
      if (statuses.length === texts.length) done(statuses)
    })
  })
}

const acts = {
  '/state': (_, done) => done({ bound: [...sessions].filter(s => s.bound).map(s => s.bound), submitted, most }),
  '/phone': phone,
  '/drop': (_, done) => { sessions.forEach(s => s.destroy()); done({}) },
  '/unbind': (_, done) => { sessions.forEach(s => s.unbind(() => s.close())); done({}) },
  '/mute': ({ on }, done) => { muted = on; done({}) },
}

const tls = folder && { key: fs.readFileSync(path.join(folder, 'key.pem')), cert: fs.readFileSync(path.join(folder, 'cert.pem')) }
const server = tls ? smpp.createServer(tls, serve) : smpp.createServer(serve)
server.listen(Number(port), '127.0.0.1')
http.createServer((request, answer) => {
  let body = ''
  request.on('data', chunk => { body += chunk }).on('end', () => {
    const act = acts[request.url]
    if (!act) return answer.writeHead(404).end()
    act(JSON.parse(body || '{}'), result => answer.end(JSON.stringify(result)))
  })
}).listen(Number(control), '127.0.0.1')
