using System.Net.Sockets;
using System.Runtime.InteropServices;
using Gallery.Tests.Migrations;
using Microsoft.Win32.SafeHandles;

namespace Gallery.Tests.Limits;

/// <summary>
/// A network namespace of Linux whose sockets have small buffers. With the usual ones, the kernel takes megabytes for a reader who reads nothing, and hides
/// what the service itself would keep.
/// </summary>
internal static class NetworkNamespace
{
    private const int NewNetwork = 0x40000000;   // CLONE_NEWNET

    /// <summary>Begins a command line: the program after it runs in a new namespace. Skips the test where that is not possible.</summary>
    public static string[] Launcher
    {
        get
        {
            Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.UserName == "root", "Only root on Linux can make a network namespace.");
            if (Programs.Find("unshare") is null || (Programs.Find("ip") ?? Programs.Find("/usr/sbin/ip")) is null)
                Programs.Missing("unshare or ip is not installed. On Debian: apt-get install util-linux iproute2.");
            return
            [
                "unshare", "--net", "--", "sh", "-c",
                "PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && cd /proc/sys/net/ipv4 && echo 4096 8192 16384 >tcp_wmem && echo 4096 8192 16384 >tcp_rmem && cd - >/dev/null && exec \"$@\"",
                "sh",
            ];
        }
    }

    /// <summary>Sockets in the namespace of a process.</summary>
    public static Socket[] CreateSockets(int process, int count)
    {
        var sockets = new Socket[count];
        Exception? failure = null;
        var thread = new Thread(() =>   // not one of the pool, because it never returns to its old namespace
        {
            try
            {
                using var name = File.OpenHandle($"/proc/{process}/ns/net");
                if (SetNamespace(name, NewNetwork) != 0) throw new InvalidOperationException($"setns failed: {Marshal.GetLastPInvokeErrorMessage()}");
                for (var i = 0; i < count; i++) sockets[i] = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? sockets : throw failure;
    }

#pragma warning disable SYSLIB1054   // LibraryImport needs unsafe code in the whole project
    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetNamespace(SafeFileHandle name, int kind);
#pragma warning restore SYSLIB1054
}
