import CLinux
import Glibc

/// Waits for a connection and accepts it. The socket is close-on-exec from the start: a child process that another thread starts meanwhile would otherwise keep
/// the connection open.
///
/// - Returns: a blocking socket, or the negative errno.
package func acceptBlocking(_ listener: Int32) -> Int32 {
    let client = clinux_accept(listener, nil, nil)
    if client >= 0 { _ = fcntl(client, F_SETFL, 0) }
    return client
}
