import Wire

extension GossipNode {
    /// Sends the records that `body` writes, sealed under the key of `slot`. Without a channel or an address it sends nothing.
    ///
    /// - Returns: the datagram's sequence number; `nil` when nothing was sent.
    @discardableResult
    mutating func send(
        _ kind: DatagramKind, to index: Int, slot: ChannelSlot = .current, into outputs: inout GossipOutputs, _ body: (inout [UInt8]) -> Void
    ) -> UInt64? {
        guard let (used, address) = peers[index].nextSending(slot) else { return nil }
        let start = outputs.bytes.count
        let header = Header(
            kind: kind, key: used.id, cluster: settings.cluster, sender: settings.node, senderSession: session, sequence: used.sequence,
            receiver: peers[index].id, receiverSession: used.peerSession)
        header.write(to: &outputs.bytes)
        body(&outputs.bytes)
        do {
            try seal.seal(&outputs.bytes, from: start, clear: Header.bytesCount, key: used.key, sequence: used.sequence)
        } catch {
            abandon(start, error, into: &outputs)
            return nil
        }
        finish(start, to: address, into: &outputs)
        return used.sequence
    }

    mutating func finish(_ start: Int, to address: SocketAddress, into outputs: inout GossipOutputs) {
        assert(outputs.bytes.count - start <= GossipLimits.datagramBytesMax, "a datagram of \(outputs.bytes.count - start) bytes")
        counters.sent += 1
        outputs.append(.send(start..<outputs.bytes.count, to: address))
    }

    mutating func abandon(_ start: Int, _ error: SealError, into outputs: inout GossipOutputs) {
        outputs.bytes.removeLast(outputs.bytes.count - start)
        outputs.append(.alert(.sealFailed(error)))
    }

    mutating func beat(for index: Int, now: Instant) -> Record {
        .beat(
            BeatRecord(
                tables: tables.hash, configuration: configuration, keys: ring.hash,
                keysSeen: peers[index].keys.isEmpty ? 0 : KeyRing.hash(of: peers[index].keys),
                receivedThrough: peers[index].delivery.receivedThrough, silence: UInt16(clamping: silence(of: index, now: now).wholeMilliseconds),
                loss: UInt8(clamping: peers[index].lossFromPeer)))
    }

    mutating func sendBeat(_ kind: DatagramKind, to index: Int, now: Instant, into outputs: inout GossipOutputs) {
        let record = beat(for: index, now: now)
        send(kind, to: index, into: &outputs) { record.write(to: &$0, now: now) }
    }

    mutating func sendPing(to index: Int, slot: ChannelSlot = .current, now: Instant, into outputs: inout GossipOutputs) {
        let record = beat(for: index, now: now)
        guard let sequence = send(.ping, to: index, slot: slot, into: &outputs, { record.write(to: &$0, now: now) }) else { return }
        if slot == .current { peers[index].delivery.time(sequence, now: now) }
    }

    mutating func sendAnswer(to index: Int, _ sequence: UInt64, now: Instant, into outputs: inout GossipOutputs) {
        let record = Record.acknowledgement(through: peers[index].delivery.receivedThrough, ping: sequence)
        send(.answer, to: index, into: &outputs) { record.write(to: &$0, now: now) }
    }

    mutating func sendKeyStatus(to index: Int, now: Instant, into outputs: inout GossipOutputs) {
        peers[index].keyStatusAt = now.advanced(by: settings.detector.heartbeatInterval * 2)
        let record = Record.keys(ring.ids)
        send(.keyStatus, to: index, into: &outputs) { record.write(to: &$0, now: now) }
    }
}

extension GossipNode {
    /// The room for rows in a DELTA: a datagram without header, range record and tag.
    private static let rowBytes = GossipLimits.datagramBytesMax - Header.bytesCount - SealFormat.tagBytes - 19

    /// When the peer may get the next DELTA. Rows that change within `flushInterval` share a datagram.
    mutating func flushDeadline(_ index: Int) -> Instant { peers[index].delivery.flushedAt?.advanced(by: settings.flushInterval) ?? peers[index].helloAt }

    /// Sends every peer the rows that it lacks.
    mutating func sendChanges(now: Instant, into outputs: inout GossipOutputs) {
        for index in peers.indices where peers[index].current != nil && peers[index].delivery.sent < tables.revision {
            let flushedAt = peers[index].delivery.flushedAt
            if flushedAt.map({ $0.advanced(by: settings.flushInterval) <= now }) ?? true { flush(index, now: now, into: &outputs) }
        }
    }

    private mutating func flush(_ index: Int, now: Instant, into outputs: inout GossipOutputs) {
        while peers[index].delivery.sent < tables.revision, peers[index].delivery.hasRoom {
            let from = peers[index].delivery.sent
            let (rows, through) = changes(after: from, for: index, now: now)
            guard !rows.isEmpty || peers[index].delivery.acknowledged < from else {
                peers[index].delivery.skip(through: through)
                continue
            }
            // The range starts at 0 when the peer has acknowledged all earlier changes. If it did so because the tables were equal, it has not counted the
            // changes, and any other start would exceed its `receivedThrough`.
            let range = Record.range(from: from <= peers[index].delivery.acknowledged ? 0 : from, through: through)
            let sequence = send(.delta, to: index, into: &outputs) { bytes in
                range.write(to: &bytes, now: now)
                for row in rows { row.write(to: &bytes, now: now) }
            }
            // A datagram that could not be sealed counts as lost, so that the pause before a resend applies.
            peers[index].delivery.sentDelta(through: through, sequence: sequence ?? 0, now: now)
        }
    }

    /// Returns the rows of the next datagram and the revision that they reach. Rows that came from the peer are left out.
    private func changes(after revision: UInt64, for index: Int, now: Instant) -> ([Record], UInt64) {
        let (peer, base) = (peers[index].id, peers[index].delivery.base)
        var rows: [Record] = []
        var through = tables.revision
        var room = GossipNode.rowBytes
        var last = revision
        tables.forEachChange(after: revision) { row, at, source in
            if source == peer, at > base {
                last = at
                return true
            }
            guard rows.count < GossipLimits.recordsMax - 1, room >= Record.rowBytesMax else {
                through = last
                return false
            }
            rows.append(row)
            room -= row.bytesCount
            last = at
            return true
        }
        return (rows, through)
    }

    /// Sends the hashes of the buckets. They should be equal after everything was delivered; a difference means that rows were lost or refused.
    mutating func sendDigest(to index: Int, now: Instant, into outputs: inout GossipOutputs) {
        peers[index].digestAt = now.advanced(by: peers[index].digestPause)
        peers[index].digests = min(peers[index].digests + 1, 1 << 20)
        let record = Record.digest(tables.digest)
        send(.digest, to: index, into: &outputs) { record.write(to: &$0, now: now) }
    }

    mutating func answerDigest(_ hashes: [UInt64], of index: Int, now: Instant, into outputs: inout GossipOutputs) {
        var wanted: UInt32 = 0
        for (bucket, pair) in zip(hashes, tables.digest).enumerated() where pair.0 != pair.1 { wanted |= 1 << UInt32(bucket) }
        guard wanted != 0 else { return }
        let record = Record.pull(wanted)
        send(.pull, to: index, into: &outputs) { record.write(to: &$0, now: now) }
    }

    /// Sends the rows of the requested buckets, independent of the order of changes: at most every 200 ms and at most 64 datagrams.
    mutating func answerPull(_ buckets: UInt32, of index: Int, now: Instant, into outputs: inout GossipOutputs) {
        if let last = peers[index].pulledAt, last.advanced(by: .milliseconds(200)) > now { return }
        peers[index].pulledAt = now
        var rows: [Record] = []
        let limit = 64 * (GossipNode.rowBytes / Record.rowBytesMax)
        tables.forEachRow(inBuckets: buckets) { if rows.count < limit { rows.append($0) } }
        let range = Record.range(from: 0, through: 0)
        var next = 0
        while next < rows.count {
            let end = min(next + GossipNode.rowBytes / Record.rowBytesMax, rows.count)
            send(.delta, to: index, into: &outputs) { bytes in
                range.write(to: &bytes, now: now)
                for row in rows[next..<end] { row.write(to: &bytes, now: now) }
            }
            next = end
        }
    }
}
