import { describe, expect, test } from 'vitest';
import { equalBytes } from '../../src/base/index.ts';
import { createAccount, joinAccount, recoverAccount } from '../../src/client/index.ts';
import { decodeClientMessage, encodeEnrolmentParameters, parseEnrolmentParameters } from '../../src/protocol/index.ts';
import { MemoryStore } from '../../src/store/index.ts';
import { ClientWorld, NODE_URL, never, PASSWORD } from '../harness/client-world.ts';

describe('an account', () => {
  test('is made at its home, and a second device joins it with address and password', async () => {
    await using world = await ClientWorld.open();
    const { created } = await world.createAccount('alice');
    expect(created.fingerprint).toMatch(/^[0-9a-f]{40}$/);
    expect(created.recoveryCode).toMatch(/^([0-9A-Z]{4}-){7}[0-9A-Z]{4}$/);
    const { enrolled } = await world.joinAccount('alice');
    expect(enrolled.fingerprint).toBe(created.fingerprint);
    expect(equalBytes(enrolled.profile.contentKey, created.profile.contentKey)).toBe(true);
    expect(equalBytes(enrolled.profile.device.publicKey, created.profile.device.publicKey)).toBe(false);
    expect((await world.node.core.accounts.find(world.node.address('alice')))?.devices.map(({ name }) => name)).toEqual(
      ['first', 'joined'],
    );
  });

  test('takes every one of many devices that join at once', async () => {
    await using world = await ClientWorld.open();
    await world.createAccount('alice');
    await Promise.all([world.joinAccount('alice'), world.joinAccount('alice'), world.joinAccount('alice')]);
    expect((await world.node.core.accounts.find(world.node.address('alice')))?.devices).toHaveLength(4);
  });

  test('refuses a wrong password and an unknown address with one answer', async () => {
    await using world = await ClientWorld.open();
    await world.createAccount('alice');
    await expect(world.joinAccount('alice', 'wrong')).rejects.toMatchObject({ code: 'wrong_password' });
    await expect(world.joinAccount('nobody')).rejects.toMatchObject({ code: 'wrong_password' });
  });

  test('is recovered with the code, under a new password', async () => {
    await using world = await ClientWorld.open();
    const { created } = await world.createAccount('alice');
    const options = { address: world.node.address('alice'), nodeUrl: NODE_URL, deviceName: 'found again' };
    const recovered = await recoverAccount(
      world.setupDeps(new MemoryStore()),
      { ...options, recoveryCode: created.recoveryCode.toLowerCase(), newPassword: 'another one' },
      never,
    );
    expect(recovered.fingerprint).toBe(created.fingerprint);
    await expect(world.joinAccount('alice')).rejects.toMatchObject({ code: 'wrong_password' });
    await expect(world.joinAccount('alice', 'another one')).resolves.toBeDefined();
    const other = 'ABCD-EFGH-JKMN-PQRS-TVWX-YZ01-2345-6789';
    await expect(
      recoverAccount(world.setupDeps(new MemoryStore()), { ...options, recoveryCode: other, newPassword: 'x' }, never),
    ).rejects.toMatchObject({ code: 'malformed_recovery_code' });
  });

  test('is refused in words: taken, closed, by invitation', async () => {
    await using open = await ClientWorld.open();
    await open.createAccount('alice');
    await expect(open.createAccount('alice')).rejects.toMatchObject({ code: 'address_taken', fix: expect.any(String) });
    await using closed = await ClientWorld.open({ registration: 'closed' });
    await expect(closed.createAccount('alice')).rejects.toMatchObject({ code: 'registration_closed' });
    await using invited = await ClientWorld.open({ registration: 'invite' });
    await expect(invited.createAccount('alice')).rejects.toMatchObject({ code: 'invite_needed' });
    const invite = await invited.node.core.operator.invite();
    const options = { address: invited.node.address('bob'), nodeUrl: NODE_URL, password: PASSWORD, deviceName: 'd' };
    await createAccount(invited.setupDeps(new MemoryStore()), { ...options, invite }, never);
  });

  test('derives nothing from the password when the home asks for weak parameters', async () => {
    await using world = await ClientWorld.open();
    await world.createAccount('alice');
    const sent: string[] = [];
    world.tamper = (message) => {
      if (message.oneofKind !== 'enrolment') return message;
      const weak = { ...parseEnrolmentParameters(message.enrolment.parameters), memoryKib: 1024 };
      return {
        oneofKind: 'enrolment',
        enrolment: { ...message.enrolment, parameters: encodeEnrolmentParameters(weak) },
      };
    };
    const deps = world.setupDeps(new MemoryStore());
    const dialer = {
      dial: async (url: string, signal: AbortSignal) => {
        const socket = await world.dialer.dial(url, signal);
        const send = socket.send.bind(socket);
        socket.send = (frame) => {
          sent.push(Buffer.from(frame).toString('latin1'));
          return send(frame);
        };
        return socket;
      },
    };
    const options = { address: world.node.address('alice'), nodeUrl: NODE_URL, password: PASSWORD, deviceName: 'd' };
    await expect(joinAccount({ ...deps, dialer }, options, never)).rejects.toMatchObject({ code: 'weak_parameters' });
    // The home's chain and the parameters were asked for, both without a key: nothing was proven.
    expect(sent.map((frame) => decodeClientMessage(Buffer.from(frame, 'latin1')).oneofKind).at(-1)).toBe(
      'getEnrolment',
    );
    expect(sent.some((frame) => decodeClientMessage(Buffer.from(frame, 'latin1')).oneofKind === 'auth')).toBe(false);
  });
});
