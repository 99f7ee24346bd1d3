import Foundation

/// `hold --remove DIRECTORY`: the first process of the tests' PID namespace.
///
/// It lives until the tests close its input or end in any way, including kill -9. Then it ends every process of the namespace and removes
/// the tests' directory; network and mount namespaces end with their last process.
func holdNamespaces(removing directory: String) {
    signal(SIGCHLD, SIG_IGN)  // daemons become children of this process: the kernel reaps them
    FileHandle.standardOutput.write(Data("holding\n".utf8))
    waitForEndOfInput()
    guard getpid() == 1, directory.contains("/tsk-") else { fail("hold must be the first process of a namespace, and removes only a tsk- directory") }
    kill(-1, SIGKILL)
    for _ in 0..<100 {
        try? FileManager.default.removeItem(atPath: directory)
        if !FileManager.default.fileExists(atPath: directory) { break }
        usleep(50_000)  // dying processes may still write
    }
}
