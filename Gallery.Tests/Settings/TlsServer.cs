using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Gallery.Tests.Settings;

/// <summary>Speaks PostgreSQL's protocol as far as TLS, with a certificate that nobody else has signed. Then it ends the connection.</summary>
internal sealed class TlsServer : IAsyncDisposable
{
    private const int RequestLength = 8;   // of the request for TLS, which comes first

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly X509Certificate2 _certificate = SelfSigned();
    private readonly Task _running;
    private int _greetings;

    public TlsServer()
    {
        _listener.Start();
        _running = RunAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many clients trusted the certificate and went on: they sent the user's name, and would have sent the password.</summary>
    public int Greetings => Volatile.Read(ref _greetings);

    public string Certificate => _certificate.ExportCertificatePem();

    public static string AnotherCertificate()
    {
        using var another = SelfSigned();
        return another.ExportCertificatePem();
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _running;
        _certificate.Dispose();
        _end.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                using var client = await _listener.AcceptTcpClientAsync(_end.Token);
                await using var stream = client.GetStream();
                await stream.ReadExactlyAsync(new byte[RequestLength], _end.Token);
                await stream.WriteAsync("S"u8.ToArray(), _end.Token);
                await using var tls = new SslStream(stream);
                await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, _end.Token);
                if (await tls.ReadAsync(new byte[1], _end.Token) > 0) Interlocked.Increment(ref _greetings);
            }
            catch (Exception e) when (e is IOException or AuthenticationException or OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // the client has refused the certificate, or the test is over
            }
        }
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=a database", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }
}
