import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Places that are kept for who comes next. */
const SPARE = 8;

/** Connections on which nothing is asked, oldest first: they make room where there is little left. */
export interface IdleConnections {
  /** Something is asked on it. */
  leave(socket: Socket): void;
  /** Everything that was asked is answered. */
  join(socket: Socket): void;
}

/** Otherwise a crowd that says nothing would keep out who has something to ask, until its time is over. */
export function makeRoomForTheNext(server: Server): IdleConnections {
  const open = new Set<Socket>();
  const idle = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    idle.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      idle.delete(socket);
    });
    const [oldest] = idle;
    if (open.size > server.maxConnections - SPARE && oldest !== socket) oldest?.destroy();
  });
  return {
    leave: (socket) => void idle.delete(socket),
    join: (socket) => {
      if (open.has(socket)) idle.add(socket);
    },
  };
}
