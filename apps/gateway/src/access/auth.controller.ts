import type {} from '@fastify/cookie';
import { loginRequest, sessionAnswer } from '@keyfleet/contracts/http';
import { login, logout } from '@keyfleet/contracts/messages';
import { KeyfleetError } from '@keyfleet/kernel';
import { Body, Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { commandMetaOf } from '../commands/meta.js';
import { COMMANDS, type Commands } from '../commands/registry-commands.js';
import { CurrentActor, Public, SignedIn } from './access.decorator.js';
import type { Actor } from './actor.js';
import { Authenticator, SESSION_COOKIE } from './authenticator.js';
import { isSameOrigin } from './origin.js';
import { SignInLimits } from './sign-in-limits.js';

/** Service id of the gateway: who acts before anybody is signed in. */
const GATEWAY = { id: 'svc_gateway' };

@ApiTags('auth')
@Controller('auth')
export class AuthController {
  readonly #commands: Commands;
  readonly #authenticator: Authenticator;
  readonly #limits: SignInLimits;

  constructor(
    @Inject(COMMANDS) commands: Commands,
    @Inject(Authenticator) authenticator: Authenticator,
    @Inject(SignInLimits) limits: SignInLimits,
  ) {
    this.#commands = commands;
    this.#authenticator = authenticator;
    this.#limits = limits;
  }

  @Post('login')
  @HttpCode(200)
  @Public('signing in is how one gets a session')
  @ApiOperation({ summary: 'Sign in with e-mail and password', operationId: 'login' })
  @ApiOkResponse({ standardSchema: sessionAnswer })
  async login(
    @Body({ schema: loginRequest }) body: z.infer<typeof loginRequest>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.infer<typeof sessionAnswer>> {
    if (!isSameOrigin(request)) throw new KeyfleetError('auth.origin');
    const attempt = await this.#limits.attempt(body.email, request.ip);
    const meta = commandMetaOf(
      { id: request.id, headers: {} },
      { actor: GATEWAY, orgId: null, operation: 'login', body: null },
    );
    const answer = await this.#commands.send(
      login,
      { ...body, network: request.ip, ...userAgentOf(request) },
      meta,
    );
    await attempt.succeeded();
    const { sessionSecret, absoluteExpiresAt, userId } = answer.data;
    setSessionCookie(request, reply, sessionSecret, new Date(absoluteExpiresAt));
    const actor: Actor = {
      kind: 'user',
      id: userId,
      sessionId: answer.data.sessionId,
      email: body.email,
      name: null,
    };
    return this.#answer(actor);
  }

  @Post('logout')
  @HttpCode(204)
  @SignedIn()
  @ApiOperation({ summary: 'End this session', operationId: 'logout' })
  async logout(
    @CurrentActor() actor: Actor,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    if (actor.sessionId !== null) {
      const meta = commandMetaOf(
        { id: request.id, headers: {} },
        { actor, orgId: null, operation: 'logout', body: null },
      );
      await this.#commands.send(logout, { sessionId: actor.sessionId }, meta);
      this.#authenticator.forget();
    }
    reply.clearCookie(SESSION_COOKIE, { path: '/' });
  }

  @Get('session')
  @SignedIn()
  @ApiOperation({ summary: 'Who is signed in, and where', operationId: 'getSession' })
  @ApiOkResponse({ standardSchema: sessionAnswer })
  session(@CurrentActor() actor: Actor): Promise<z.infer<typeof sessionAnswer>> {
    return this.#answer(actor);
  }

  async #answer(actor: Actor): Promise<z.infer<typeof sessionAnswer>> {
    const orgs = await this.#authenticator.organisationsOf(actor);
    return {
      user: { id: actor.id, email: actor.email, name: actor.name, kind: actor.kind },
      orgs: [...orgs],
    };
  }
}

function userAgentOf(request: FastifyRequest): { userAgent?: string } {
  const agent = request.headers['user-agent'];
  return agent === undefined ? {} : { userAgent: agent.slice(0, 300) };
}

function setSessionCookie(request: FastifyRequest, reply: FastifyReply, secret: string, expires: Date): void {
  reply.setCookie(SESSION_COOKIE, secret, {
    path: '/',
    httpOnly: true,
    sameSite: 'lax',
    secure: !isOnLoopback(request),
    expires,
  });
}

/**
 * Whether the browser and this gateway meet on one machine. A published port of a container brings another address, so
 * the name the browser used counts too, unless a proxy spoke for it.
 */
function isOnLoopback(request: FastifyRequest): boolean {
  if (/^(?:127\.|::1$|::ffff:127\.)/.test(request.ip)) return true;
  const direct = request.ip === request.socket.remoteAddress;
  return direct && /^(?:127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(request.hostname);
}
