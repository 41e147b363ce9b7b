import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

/**
 * Apps on Tomcat, each of which finds its files in a way that is common there.
 *
 * <p>java Apps.java SITE FOLDER HOST:PORT... in the order of main.
 */
public class Apps {
    static Path site;

    public static void main(String[] args) throws Exception {
        Logger.getLogger("").setLevel(Level.SEVERE);
        site = Path.of(args[0]);
        Tomcat strict = tomcat(args[1] + "/strict", args[2]);
        servlets(strict);
        strict.start();

        Tomcat lenient = tomcat(args[1] + "/lenient", args[3]);
        lenient.getConnector().setEncodedSolidusHandling("decode");
        lenient.getConnector().setProperty("relaxedPathChars", "\"<>[\\]^`{|}");
        lenient.getConnector().setProperty("allowBackslash", "true");
        servlets(lenient);
        lenient.start();

        Tomcat raw = tomcat(args[1] + "/raw", args[4]);
        raw.getConnector().setEncodedSolidusHandling("passthrough");
        raw.getConnector().setProperty("relaxedPathChars", "\"<>[\\]^`{|}");
        add(raw.addContext("", args[1]), "/*", new ByURI());
        raw.start();
        raw.getServer().await();
    }

    static Tomcat tomcat(String folder, String address) {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(folder);
        Connector connector = new Connector();
        connector.setProperty("address", address.split(":")[0]);
        connector.setPort(Integer.parseInt(address.split(":")[1]));
        connector.setProperty("maxKeepAliveRequests", "-1");
        connector.setProperty("keepAliveTimeout", "-1");
        tomcat.setConnector(connector);
        return tomcat;
    }

    /** One servlet for what is public and one for what is secret, by mapping and path info. */
    static void servlets(Tomcat tomcat) {
        Context context = tomcat.addContext("", new File(site.toString()).getPath());
        add(context, "/public/*", new ByPathInfo("public"));
        add(context, "/secret/*", new ByPathInfo("secret"));
    }

    static void add(Context context, String pattern, HttpServlet servlet) {
        Tomcat.addServlet(context, pattern, servlet);
        context.addServletMappingDecoded(pattern, pattern);
    }

    static void send(Path file, HttpServletResponse response) throws IOException {
        if (!Files.isRegularFile(file)) {
            response.sendError(404);
            return;
        }
        response.getOutputStream().write(Files.readAllBytes(file));
    }

    /** Takes the path info, which the container has decoded, for the name of a file. */
    static class ByPathInfo extends HttpServlet {
        private final String folder;

        ByPathInfo(String folder) {
            this.folder = folder;
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            String info = request.getPathInfo();
            try {
                String name = info == null ? "" : info.replace('\\', '/');
                send(Path.of(site.toString(), folder, name).normalize(), response);
            } catch (InvalidPathException e) {
                response.sendError(404);
            }
        }
    }

    /** Takes the address as it came, cuts the parameters of its segments off and decodes it. */
    static class ByURI extends HttpServlet {
        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            try {
                String uri = request.getRequestURI().replaceAll(";[^/]*", "");
                String path = URLDecoder.decode(uri, StandardCharsets.UTF_8);
                send(Path.of(site.toString(), path).normalize(), response);
            } catch (IllegalArgumentException e) { // no escape, or no path
                response.sendError(404);
            }
        }
    }
}
