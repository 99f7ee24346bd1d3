// The hot path: what connects tell of a server, for `observe layer4`. A server that is well costs its sessions one read of memory that nobody writes.

import Synchronization

extension ForwardingThread {
    /// A connect has succeeded.
    func noteConnected(_ server: UInt32) {
        let cell = state.serverCells[Int(server)]
        if cell.pointee.failuresInRow.load(ordering: .relaxed) != 0 { cell.pointee.failuresInRow.store(0, ordering: .relaxed) }
    }

    /// A connect has failed, and the control thread is about to be told.
    func noteFailed(_ server: UInt32) {
        let cell = state.serverCells[Int(server)]
        let row = cell.pointee.failuresInRow.wrappingAdd(1, ordering: .relaxed).newValue
        cell.pointee.longestRow.max(row, ordering: .relaxed)
    }
}
