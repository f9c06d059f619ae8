namespace Gallery.Tests.Embedded;

/// <summary>The data home of one test. Others can enter it, because root runs the server as another user.</summary>
public sealed class TemporaryHome : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gallery-");

    public TemporaryHome()
    {
        Path = System.IO.Path.Combine(_folder.FullName, "home");
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Path);
            return;
        }

        _folder.UnixFileMode |= UnixFileMode.OtherExecute;
        Directory.CreateDirectory(Path, _folder.UnixFileMode);      // whatever the umask is, because a home that others may write is refused
    }

    public string Path { get; }
    public string Data => System.IO.Path.Combine(Path, "server", "data");

    public string?[] List() => Directory.GetFileSystemEntries(Path).Select(System.IO.Path.GetFileName).Order(StringComparer.Ordinal).ToArray();

    public void Dispose() => _folder.Delete(recursive: true);
}
