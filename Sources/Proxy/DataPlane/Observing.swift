// The hot path: evidence about servers from sessions' connects, for `observe layer4`. For a healthy server a session only reads an atomic that
// no thread is writing.

import Synchronization

extension ForwardingThread {
    /// Resets the server's failure count after a successful connect.
    func recordConnectSuccess(_ server: UInt32) {
        let cell = state.serverCells[Int(server)]
        if cell.pointee.consecutiveFailures.load(ordering: .relaxed) != 0 { cell.pointee.consecutiveFailures.store(0, ordering: .relaxed) }
    }

    /// Counts a failed connect. The caller reports it to the control thread afterwards.
    func recordConnectFailure(_ server: UInt32) {
        let cell = state.serverCells[Int(server)]
        let failures = cell.pointee.consecutiveFailures.wrappingAdd(1, ordering: .relaxed).newValue
        cell.pointee.consecutiveFailuresMax.max(failures, ordering: .relaxed)
    }
}
