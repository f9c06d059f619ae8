using System.Text;

namespace Gallery.Sql.Embedded;

/// <summary>Reads the files that belong to the server's user, who may have replaced them by anything. This process may be root.</summary>
internal static class ServerFile
{
    public const int MaxBytes = 64 * 1024;

    /// <summary>The file's text. Null if there is no such file, or if it is empty, longer than 64 KB or not a plain file.</summary>
    public static string? Find(string path)
    {
        // A link may lead to any file or device. A pipe would wait for a writer, and has no length.
        if (new FileInfo(path) is not { Exists: true, LinkTarget: null, Length: > 0 and <= MaxBytes })
            return null;
        try
        {
            using var file = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[MaxBytes];     // however long it is by now
            return Encoding.UTF8.GetString(bytes, 0, RandomAccess.Read(file, bytes, fileOffset: 0));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
