import Dispatch
import NIOCore
import NIOEmbedded
import NIOPosix

@testable import VolaryNode

/// Handing work to another event loop.
enum HopCases {
    static var all: [Case] {
        [
            // Only our part: adding to the queue, and removing from it.
            Case("shard-queue", "hop") {
                let loop = EmbeddedEventLoop()
                let shard = ConnectionShard(eventLoop: loop)
                return { rounds in
                    for _ in 0..<rounds {
                        _ = shard.submit { _ in }
                        loop.run()
                    }
                }
            },
            // To a sleeping thread, and back.
            Case("shard-hop", "hop") {
                let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
                let shard = ConnectionShard(eventLoop: group.next())
                let done = DispatchSemaphore(value: 0)
                return { rounds in
                    for _ in 0..<rounds {
                        _ = shard.submit { _ in done.signal() }
                        done.wait()
                    }
                }
            },
        ]
    }
}
