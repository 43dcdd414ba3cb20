/** Sends messages over penstock.v1 from a web page, each at least once for as long as the page lives. */
export function connectToPenstock(url, { queue = 1000, onRefused = () => {} } = {}) {
  let socket, credit, number, pause, closed = false, failures = 0, order = 0;
  let waiting = []; // to be sent, in order
  const sent = new Map(); // neither acked nor nacked, by their number on this connection
  const pending = () => waiting.length + sent.size;
  const sendAgain = (messages) => waiting = [...messages, ...waiting].sort((a, b) => a.order - b.order);
  const advance = () => {
    while (waiting.length > 0 && sent.size < credit && !pause && socket.readyState === WebSocket.OPEN) {
      sent.set(++number, waiting.shift());
      socket.send(sent.get(number).data);
    }
  };
  const receive = ({ type, seq, code, message, retryAfterMs, ...reply }) => {
    credit = reply.credit ?? credit;
    if (type === "ack") failures = 0;
    if (type === "nack" && retryAfterMs === undefined) onRefused(sent.get(seq).data, code, message);
    if (type === "nack" && retryAfterMs) sendAgain([sent.get(seq)]);
    for (const key of [...sent.keys()]) if (type === "ack" ? key <= seq : key === seq) sent.delete(key);
    if (retryAfterMs) pause ??= setTimeout(() => advance(pause = undefined), retryAfterMs);
    advance();
  };
  const open = () => {
    credit = number = 0;
    socket = new WebSocket(url, "penstock.v1");
    socket.onmessage = ({ data }) => receive(JSON.parse(data));
    socket.onclose = ({ code }) => {
      sendAgain(sent.values());
      sent.clear();
      if (closed || [1002, 1007, 1009].includes(code)) return; // another connection would end in the same way
      setTimeout(() => closed || open(), Math.random() * Math.min(10_000, 100 * 2 ** failures++));
    };
  };
  open();
  return { // send() says whether there was room in the queue; pending() how many are neither acked nor refused
    send: (data) => pending() < queue && (waiting.push({ data, order: ++order }), advance(), true),
    pending,
    close: () => (closed = true, clearTimeout(pause), socket.close()),
  };
}
